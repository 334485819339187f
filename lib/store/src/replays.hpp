// SPDX-License-Identifier: Apache-2.0
//
// The replays of all upstreams, in memory and on disk: a row an upstream, with what of its stretch of numbers
// is done.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "narrowgate/store/range_set.hpp"
#include "narrowgate/store/replay.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// A replay and what of its stretch needs no looking at any more: sent, left out, refused, not chosen, gone.
struct ReplayProgress {
    Replay replay;
    RangeSet done;
};

// Thread: any.
class Replays {
public:
    // In the place of the upstream's former one.
    void put(ReplayProgress progress);
    void forget(UpstreamId upstream);
    std::optional<Replay> find(UpstreamId upstream) const;
    std::vector<Replay> all() const;
    // Any that has not ended.
    bool running() const { return running_.load(std::memory_order_acquire); }
    std::optional<ReplaySpan> span(UpstreamId upstream) const;
    // The one that runs, if it is this job.
    std::optional<Replay> running(UpstreamId upstream, ReplayJob job) const;

    // Removes what the job is done with.
    void keep_due(UpstreamId upstream, ReplayJob job, std::vector<StoredReading>& readings) const;
    // The stretch from `from` to `to` was looked through: of it `due` are to be sent, and `gone` are not on
    // disk any more.
    void passed(UpstreamId upstream, ReplayJob job, Range stretch, std::span<const StoredReading> due,
                std::span<const Range> gone);
    // The upstream has taken these as readings that waited: a replay that has not come to them leaves them
    // out.
    void delivered(UpstreamId upstream, std::span<const ReadingNumber> numbers);
    // False when it is not known as to be sent: the job has ended, or it is done with.
    bool done(UpstreamId upstream, ReplayJob job, ReadingNumber number, ReplayFate fate);
    // The one that runs, ended by a person at that time.
    std::optional<ReplayProgress> cancelled(UpstreamId upstream, WallTime now) const;

    // Those that have changed since it was asked last; those that are done with their stretch end now.
    std::vector<ReplayProgress> take_changed(WallTime now);
    void mark_changed(UpstreamId upstream);  // it could not be written
    bool changed() const { return changed_.load(std::memory_order_relaxed); }

private:
    struct Entry {
        ReplayProgress progress;
        bool changed = false;
    };

    // All below: with mutex_ held.
    Entry* entry_of(UpstreamId upstream, ReplayJob job);
    const Entry* entry_of(UpstreamId upstream, ReplayJob job) const;
    void changed(Entry& entry);
    void count_running();

    mutable std::mutex mutex_;
    std::map<UpstreamId, Entry> entries_;
    std::atomic<bool> running_ = false;
    std::atomic<bool> changed_ = false;
};

// Throws SqlFault. Thread: the writer's.
class ReplayTable {
public:
    explicit ReplayTable(Database& database);
    // Without the names of their upstreams. One that cannot be read is left out.
    std::vector<ReplayProgress> all();
    void put(const ReplayProgress& progress);
    void remove(UpstreamId upstream);

private:
    Statement put_;
    Statement remove_;
    Statement all_;
};

}  // namespace narrowgate::store
