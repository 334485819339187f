// SPDX-License-Identifier: Apache-2.0
//
// Looks through pages for the readings of a replay, whoever has them already.
#pragma once

#include <vector>

#include "narrowgate/store/range_set.hpp"
#include "narrowgate/store/replay.hpp"
#include "retained.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// The page that holds the reading, or would, or one before it; 0 when there is none. Pages have no index by
// reading: found by halving, since both numbers ascend together.
class PageFinder {
public:
    explicit PageFinder(Database& database);
    PageNumber find(ReadingNumber number);

private:
    Statement last_;
    Statement at_or_before_;
};

// Throws SqlFault. Thread: its database's.
class ReplayScan {
public:
    explicit ReplayScan(Database& database);

    struct Found {
        std::vector<StoredReading> readings;  // that were chosen, ascending
        ReadingNumber next = 0;               // everything before has been looked at
        std::vector<Range> gone;              // of that, numbers that are not on disk, or cannot be read
        std::vector<PageNumber> bad;
    };
    // A part of `stretch`: at most kPages pages, no further one once they took kBytes, and no further reading
    // once `max_count` or `max_bytes` of payload are reached.
    Found scan(const ReplayChoice& choice, Range stretch, std::size_t max_count, std::size_t max_bytes);

    static constexpr std::size_t kPages = 64;
    static constexpr std::size_t kBytes = std::size_t{1} << 20;

private:
    PageFinder finder_;
    Statement pages_;
    // Where the last call ended: the next one mostly goes on there.
    ReadingNumber next_ = 0;
    PageNumber page_ = 0;
};

}  // namespace narrowgate::store
