// SPDX-License-Identifier: Apache-2.0
//
// The readings of one commit, packed: names once a page, then a few bytes and the payload each. On-disk form:
// docs/store.md.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/store/reading.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::store {

class PageBody {
public:
    void add(const NewReading& reading);
    // The readings so far; empty when there are none.
    Bytes finish() const;

private:
    std::uint64_t name(const std::string& text);

    std::unordered_map<std::string, std::uint64_t> indices_;
    Bytes names_;
    Bytes rows_;
    std::size_t count_ = 0;
    WallTime first_received_{};
};

// Which readings of a page somebody wants; the others cost no memory.
struct WantedReadings {
    ReadingNumber from = 0;
    std::size_t count = std::numeric_limits<std::size_t>::max();
    UpstreamMask upstreams = ~UpstreamMask{0};  // for any of these; ~0: for nobody, too
};

// Numbers them from `first` on. Nothing when the bytes are not a whole page.
std::optional<std::vector<StoredReading>> decode_readings(ByteView body, ReadingNumber first,
                                                          const WantedReadings& wanted = {});

}  // namespace narrowgate::store
