// SPDX-License-Identifier: Apache-2.0
//
// Readings as upstreams and operators get them back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

struct StoredReading {
    ReadingNumber number = 0;
    std::string device;
    std::string fleet;
    std::string resource;
    std::optional<std::uint16_t> content_format;
    Bytes payload;
    WallTime received{};
    UpstreamMask upstreams = 0;
};

// A reading that an upstream refused for good. It counts as done there, and waits here for a person.
struct DeadLetter {
    std::uint64_t id = 0;  // given by the store, never twice
    std::string upstream;
    WallTime at{};
    std::string reason;
    std::optional<WallTime> retried;  // it waits for the upstream again, since then
    StoredReading reading;
};

// Which dead letters a call is about: one, or all of one upstream, or all.
struct DeadLetterChoice {
    std::optional<std::uint64_t> id{};
    std::string upstream{};  // empty: of any
};

}  // namespace narrowgate::store
