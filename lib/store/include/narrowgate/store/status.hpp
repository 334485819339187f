// SPDX-License-Identifier: Apache-2.0
//
// How the store is doing: a snapshot for `status`, metrics and the watchdog.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/histogram.hpp"
#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

// Units of a commit.
inline constexpr std::array<std::uint64_t, 10> kCommitSizeBounds = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

struct UpstreamStatus {
    UpstreamId id = 0;
    std::string name;
    std::uint64_t pending_readings = 0;
    std::uint64_t pending_bytes = 0;
    std::optional<WallTime> oldest;  // when the oldest pending reading was received
    bool backlog_full = false;       // above its max_backlog
    std::uint64_t acknowledged = 0;  // since start
    std::uint64_t dropped = 0;       // since start, by kDropOldest
    std::uint64_t dead_letters = 0;  // since start
    std::uint64_t returned = 0;      // of the pending ones, dead letters that are to be sent again
};

// Counters are since start unless they say otherwise.
struct Status {
    std::uint64_t sessions = 0;     // in the table; lags behind by up to a minute
    std::uint64_t devices = 0;      // not revoked
    std::uint64_t credentials = 0;  // not revoked
    std::uint64_t readings_waiting = 0;
    std::uint64_t live_bytes = 0;  // of readings waiting, overhead included; what max_size bounds
    std::uint64_t max_size = 0;
    std::optional<WallTime> oldest;  // when the oldest waiting reading was received
    ReadingNumber head = 0;          // number of the next reading, over the store's life
    // Delivered, and kept for a replay; they count nowhere else.
    std::uint64_t retained_readings = 0;
    std::uint64_t retained_bytes = 0;
    std::optional<WallTime> retained_since;  // when what was delivered first of these was received
    std::vector<UpstreamStatus> upstreams;

    bool full = false;       // the last reading that came was refused for want of max_size
    bool disk_full = false;  // the disk itself: readings are refused until the ballast stands again
    bool over_age = false;   // the oldest waiting reading is older than max_age

    std::uint64_t commits = 0;
    std::uint64_t units_committed = 0;
    std::uint64_t readings_committed = 0;
    std::uint64_t readings_refused = 0;
    std::uint64_t readings_dropped = 0;
    std::uint64_t dead_letters_dropped = 0;  // the oldest, beyond max_dead_letters
    std::uint64_t units_failed = 0;
    std::uint64_t queue_refusals = 0;  // submit() returned false
    PoolLoad queue;                    // units that wait for the writer
    PoolLoad queue_bytes;              // of their payload
    std::uint64_t bad_rows = 0;        // sessions, credentials and pages on disk that could not be read
    std::uint64_t last_commit_units = 0;
    std::chrono::microseconds last_commit_time{0};  // with its fsync
    std::chrono::microseconds longest_commit_time{0};
    // What of it the disk took: the syncs of the log in it. Not those of checkpoints, which are between
    // commits.
    std::chrono::microseconds last_fsync_time{0};
    std::chrono::microseconds longest_fsync_time{0};
    Histogram commit_times{kDurationBounds};    // microseconds, each with its fsync
    Histogram fsync_times{kDurationBounds};     // microseconds, of commits that had something to write
    Histogram commit_sizes{kCommitSizeBounds};  // units
    std::uint64_t wal_bytes = 0;
};

// For the watchdog: the writer lives when `turns` grows, or while a commit has not taken too long.
struct WriterPulse {
    std::uint64_t turns = 0;
    std::optional<SteadyTime> commit_since;  // a commit is in progress since then
};

}  // namespace narrowgate::store
