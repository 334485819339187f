// SPDX-License-Identifier: Apache-2.0
//
// Pages that every upstream has, and that are kept a while for a replay: 48 bytes each, in the order in which
// they were delivered.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/range_set.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

using PageNumber = std::uint64_t;

struct RetainedPage {
    ReadingNumber first = 0;
    PageNumber page = 0;
    std::uint32_t count = 0;               // of readings
    std::uint32_t bytes = 0;               // as PageEntry::bytes
    WallTime received{};                   // of the first
    WallTime delivered = WallTime::max();  // not known yet

    ReadingNumber end() const { return first + count; }
};

// Readings by the time at which the last upstream took them.
using DeliveredAt = std::vector<std::pair<WallTime, RangeSet>>;

// Thread: its owner's.
class Retained {
public:
    void add(const RetainedPage& page);
    // Those added since the last call were delivered now. Returns their readings.
    std::vector<Range> stamp(WallTime now);
    // After a start: the pages that these times name get them, and their place in the order.
    void restore(const DeliveredAt& times);

    bool empty() const { return pages_.empty(); }
    const RetainedPage& oldest() const { return pages_.front(); }  // delivered before all others
    void drop_oldest();
    const std::deque<RetainedPage>& pages() const { return pages_; }
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t readings() const { return readings_; }

private:
    std::deque<RetainedPage> pages_;
    std::size_t unstamped_ = 0;  // at its end
    std::uint64_t bytes_ = 0;
    std::uint64_t readings_ = 0;
};

}  // namespace narrowgate::store
