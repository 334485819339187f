// SPDX-License-Identifier: Apache-2.0
//
// What keeps a log from being flooded: a bucket of tokens for each event and whom it is about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log_event.hpp"
#include "narrowgate/base/token_bucket.hpp"

namespace narrowgate {

// Thread: one at a time.
class LogLimiter {
public:
    // Once the burst is spent.
    static constexpr seconds kInterval{10};
    // Upstreams and fleets are few. Should there be more names, what is above this shares one bucket an
    // event: memory is bounded by this, by the number of events, and by kMaxNameBytes each.
    static constexpr std::size_t kMaxNamed = 512;
    static constexpr std::size_t kMaxNameBytes = 128;

    // How many like it were left out before this one; nothing when it is left out too. Devices share the
    // bucket of their fleet: what befalls all of them at once must not be a line each.
    std::optional<std::uint64_t> admit(const LogEvent& event, const LogFields& fields, SteadyTime now);

    std::size_t buckets() const { return buckets_.size(); }

private:
    struct Bucket {
        TokenBucket tokens;
        std::uint64_t left_out = 0;
    };
    Bucket& bucket_of(const LogEvent& event, const LogFields& fields);

    std::map<std::pair<const LogEvent*, std::string>, Bucket> buckets_;
};

}  // namespace narrowgate
