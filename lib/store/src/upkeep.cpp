// SPDX-License-Identifier: Apache-2.0
//
// What the engine does between commits: progress, folding, deletion, checkpoints, a full disk.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine.hpp"

namespace narrowgate::store {
namespace {

constexpr milliseconds kProgressPeriod{250};  // what a crash can make us deliver again, at most
constexpr seconds kFoldPeriod{5};
constexpr seconds kRoomPeriod{5};  // how often a full disk is tried again
// Enough that a busy session's many marks become one update (tests/bench/store_spike.cpp), few enough that a
// start after a crash replays in a blink.
constexpr PageNumber kFoldPages = 512;
constexpr std::size_t kFoldSessions = 8'192;
constexpr std::size_t kFoldReplyBytes = std::size_t{4} << 20;
constexpr std::size_t kDeadPages = 1'024;

constexpr std::uint64_t kBusyCheckpointBytes = std::uint64_t{16} << 20;
constexpr std::uint64_t kIdleCheckpointBytes = std::uint64_t{1} << 20;

}  // namespace

void Engine::keep_up(Upkeep what, bool idle) {
    const auto now = clock_.now();
    bool disk_full = false;
    bool refusals = false;
    {
        const std::lock_guard lock(mutex_);
        disk_full = counters_.disk_full;
        refusals = !refusals_.empty();
    }
    if (disk_full && now.steady >= next_look_for_room_) look_for_room();
    if (now.steady >= next_fold_) ledger_.make_room(now.wall);  // by age

    const bool progress_due = (ledger_.changed() || refusals) && now.steady >= next_progress_;
    const bool fold_due = now.steady >= next_fold_ || next_page_ - 1 - folded_to_ >= kFoldPages ||
                          sessions_.unfolded() >= kFoldSessions ||
                          replies_.unfolded_bytes() >= kFoldReplyBytes || ledger_.dead_count() >= kDeadPages;
    if (what != Upkeep::kWhenDue || progress_due || fold_due) {
        try {
            write_down(what == Upkeep::kAll || fold_due);
        } catch (const SqlFault& fault) {
            if (fault.out_of_space()) meet_full_disk();
            failed(fault, "upkeep");
            next_progress_ = now.steady + kProgressPeriod;
            next_fold_ = now.steady + kFoldPeriod;
            if (what != Upkeep::kWhenDue) throw;
        }
    }
    checkpoint(idle);
}

void Engine::write_down(bool everything) {
    const auto now = clock_.now();
    // Dead pages before progress before refusals: each may be committed only with those after it.
    auto dead = everything ? ledger_.take_dead() : std::vector<PageNumber>{};
    const auto progress = ledger_.take_changed();
    std::vector<Refusal> refusals;
    {
        const std::lock_guard lock(mutex_);
        refusals.swap(refusals_);
    }
    const bool fold =
        everything && (sessions_.unfolded() != 0 || !dead.empty() || folded_to_ + 1 != next_page_);
    if (fold || !progress.empty() || !refusals.empty() || everything) {
        try {
            Transaction transaction(database_);
            write_refusals(refusals);
            for (const auto& upstream : progress)
                upstreams_.set_progress(upstream.id, upstream.done);
            if (fold) {
                sessions_.fold();
                journal_.remove(dead);
                meta_.set_number("folded_to", next_page_ - 1);
                meta_.set_number("next_page", next_page_);
                meta_.set_number("next_reading", next_reading_);
            }
            if (everything) replies_.fold(now.wall);
            transaction.commit();
        } catch (const SqlFault&) {
            replies_.recount();
            for (const auto page : dead)
                ledger_.add_dead(page);
            for (const auto& upstream : progress)
                ledger_.mark_changed(upstream.id);
            const std::lock_guard lock(mutex_);
            refusals_.insert(refusals_.begin(), std::make_move_iterator(refusals.begin()),
                             std::make_move_iterator(refusals.end()));
            throw;
        }
    }
    next_progress_ = now.steady + kProgressPeriod;
    if (!everything) return;
    next_fold_ = now.steady + kFoldPeriod;
    folded_to_ = next_page_ - 1;
    sessions_.folded();
    replies_.folded();
    const std::lock_guard lock(mutex_);
    counters_.sessions = sessions_.count();
}

void Engine::write_refusals(std::span<const Refusal> refusals) {
    for (const auto& refusal : refusals) {
        DeadLetter letter{refusal.upstream, refusal.at, refusal.reason, {}};
        if (const auto readings = journal_.readings(refusal.page)) {
            const auto found = std::ranges::find(*readings, refusal.number, &StoredReading::number);
            if (found != readings->end()) letter.reading = *found;
        }
        letter.reading.number = refusal.number;
        upstreams_.add_dead_letter(letter);
    }
    if (!refusals.empty()) upstreams_.trim_dead_letters(options_.max_dead_letters);
}

// Passive: it waits for no reader and copies what it can. The log starts over by itself once all of it has
// been copied and the readers have moved on.
void Engine::checkpoint(bool idle) {
    const std::uint64_t full_disk_bytes = std::max<std::uint64_t>(options_.ballast_bytes / 4, 1);
    std::uint64_t threshold = idle ? kIdleCheckpointBytes : kBusyCheckpointBytes;
    {
        const std::lock_guard lock(mutex_);
        counters_.wal_bytes = wal_bytes_;
        // On a full disk the log must not outgrow what the ballast gave back.
        if (counters_.disk_full) threshold = std::min(threshold, full_disk_bytes);
    }
    if (wal_bytes_ < last_wal_bytes_) next_checkpoint_bytes_ = 0;  // the log has started over
    last_wal_bytes_ = wal_bytes_;
    if (wal_bytes_ < std::max(threshold, next_checkpoint_bytes_)) return;
    if (sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr) !=
        SQLITE_OK) {
        log_.debug("{}: checkpoint: {}", file().string(), sqlite3_errmsg(database_.handle()));
    }
    // Where a reader was in the way the log has only grown: not again before it has grown further.
    next_checkpoint_bytes_ = wal_bytes_ + kIdleCheckpointBytes;
}

void Engine::close() {
    try {
        keep_up(Upkeep::kAll, false);
    } catch (const SqlFault& fault) {
        log_.warning(
            "{}: progress since the last second is not on disk ({}); readings may be delivered again",
            file().string(), fault.what);
    }
    sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

void Engine::meet_full_disk() {
    ballast_.release();
    next_look_for_room_ = clock_.now().steady + kRoomPeriod;
    bool news = false;
    {
        const std::lock_guard lock(mutex_);
        news = !std::exchange(counters_.disk_full, true);
    }
    if (news) {
        log_.error(
            "{}: the disk is full: readings are refused, sessions and progress go on from a reserve; make "
            "room",
            options_.directory.string());
    }
}

void Engine::look_for_room() {
    if (!ballast_.raise()) {
        next_look_for_room_ = clock_.now().steady + kRoomPeriod;
        return;
    }
    const std::lock_guard lock(mutex_);
    counters_.disk_full = false;
    log_.info("{}: there is room on the disk again: readings are stored", options_.directory.string());
}

// Once until it is over: a broken disk fails many times a second.
void Engine::failed(const SqlFault& fault, const char* what) {
    if (std::exchange(failing_, true)) return;
    const auto error = fault.error(file());
    log_.error("{} failed: {}; {}", what, error.what, error.cure);
}

}  // namespace narrowgate::store
