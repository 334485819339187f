// SPDX-License-Identifier: Apache-2.0
//
// What the engine does between commits: progress, folding, deletion, checkpoints, a full disk.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "narrowgate/store/events.hpp"

#include "engine.hpp"

namespace narrowgate::store {
namespace {

constexpr milliseconds kProgressPeriod{250};  // what a crash can make us deliver again, at most
constexpr seconds kTidyingPeriod{5};          // of pages and replies that nobody needs any more
constexpr seconds kTryPeriod{5};              // what failed is tried again
constexpr seconds kRestPeriod{3};             // without a change, until pages leave memory
constexpr seconds kRoomPeriod{5};             // how often a full disk is tried again

// A fold rewrites the database page of each block of marks that it touches. Among few sessions that is little
// for many marks, and is done soon; among a million it pays to wait until many marks share a page
// (tests/bench/session_store_bench.cpp).
constexpr std::size_t kCheapFoldPages = 1'024;
// Bounds of what is unfolded: its memory, and what a start after a crash has to replay.
constexpr std::size_t kFoldMarks = std::size_t{1} << 18;  // some 40 bytes each
constexpr std::size_t kFoldRows = 8'192;                  // some 400 bytes each
constexpr std::size_t kFoldEvents = 4'096;                // at most 600 bytes each
constexpr std::size_t kFoldReplyBytes = std::size_t{8} << 20;
constexpr PageNumber kFoldPages = 65'536;

constexpr std::uint64_t kDatabasePageBytes = 4096;
// Room in the file that is free for new readings when the disk has none to spare: what 3 MB a second fill
// until it is looked again.
constexpr std::uint64_t kSpareInFile = std::uint64_t{16} << 20;

constexpr std::size_t kDeadPages = 1'024;  // deleted in one transaction, and worth one of its own

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
    try {
        if (what == Upkeep::kAll) {
            do_all();
        } else if (what == Upkeep::kProgress ||
                   ((ledger_.changed() || replays_.changed() || refusals) && now.steady >= next_progress_)) {
            write_progress({}, false);
        } else if (now.steady >= next_try_) {
            do_a_slice(now);
        }
        paused_ = false;
    } catch (const SqlFault& fault) {
        if (fault.out_of_space()) meet_full_disk();
        failed(fault, "upkeep");
        paused_ = true;
        next_progress_ = now.steady + kProgressPeriod;
        next_try_ = now.steady + kTryPeriod;
        if (what != Upkeep::kWhenDue) throw;
    }
    checkpoint(idle);
    rest(now.steady);
}

void Engine::do_all() {
    make_room();
    while (folding_to_ || folded_to_ + 1 != next_page_) {
        if (!folding_to_) begin_fold();
        fold_slice();
    }
    do {
        delete_dead();
    } while (more_dead_);
}

// While a replay is under way nothing goes for its age: what it is to send was there when it began.
void Engine::make_room() {
    ledger_.make_room(clock_.now().wall, !replays_.running());
}

// What is retained must not fill the disk for what is new. The room of deleted pages stays in the file, for
// the next ones: as long as there is enough of it the file does not grow.
void Engine::keep_the_disk_spare() {
    if (!ledger_.oldest_delivery()) return;
    std::error_code unknown;
    const auto space = std::filesystem::space(options_.directory, unknown);
    if (unknown || space.available >= options_.retention_spare_bytes) return;
    const auto free_pages = static_cast<std::uint64_t>(database_.integer("PRAGMA freelist_count"));
    if (free_pages * kDatabasePageBytes < kSpareInFile) (void)ledger_.drop_retained(kSpareInFile);
}

void Engine::do_a_slice(const Now& now) {
    if (folding_to_) {
        fold_slice();
        // Commits come faster than slices: they wait, rather than have the journal grow beyond its bounds.
        while (folding_to_ && out_of_bounds())
            fold_slice();
    } else if (fold_due(now.steady)) {
        begin_fold();
        fold_slice();
    } else if (more_dead_ || now.steady >= next_tidying_ ||
               ledger_.dead_count() >= undeletable_ + kDeadPages) {
        make_room();  // by age
        keep_the_disk_spare();
        delete_dead();
    }
}

bool Engine::out_of_bounds() const {
    const auto& sessions = sessions_.unfolded();
    return sessions.marks() >= kFoldMarks || sessions.rows() >= kFoldRows ||
           past_.unfolded() >= kFoldEvents || replies_.unfolded_bytes() >= kFoldReplyBytes ||
           next_page_ - 1 - folding_to_.value_or(folded_to_) >= kFoldPages;
}

bool Engine::fold_due(SteadyTime now) const {
    if (out_of_bounds()) return true;
    if (folded_to_ + 1 == next_page_) return false;
    return now >= next_fold_ || (now >= next_cheap_fold_ && sessions_.fold_cost() <= kCheapFoldPages);
}

void Engine::begin_fold() {
    sessions_.begin_fold();
    past_.begin_fold();
    replies_.begin_fold();
    folding_to_ = next_page_ - 1;
}

// A part of the sessions, then of the devices' past. Each may be done twice, should we crash before the last
// part has moved `folded_to`.
void Engine::fold_slice() {
    if (sessions_.folding()) {
        Transaction transaction(database_);
        const bool last = sessions_.fold_slice();
        if (sessions_.count_after() != sessions_.count())
            meta_.set_number("sessions", sessions_.count_after());
        transaction.commit();
        last ? sessions_.fold_done() : sessions_.slice_done();
        const std::lock_guard lock(mutex_);
        counters_.sessions = sessions_.count();
    } else if (past_.folding()) {
        Transaction transaction(database_);
        const bool last = past_.fold_slice();
        transaction.commit();
        last ? past_.fold_done() : past_.slice_done();
    }
    if (!sessions_.folding() && !past_.folding()) finish_fold();
}

void Engine::finish_fold() {
    write_progress({}, true);
    const auto now = clock_.now().steady;
    next_cheap_fold_ = now + kCheapFoldPeriod;
    next_fold_ = now + kFoldPeriod;
    next_stamp_ = now + kStampPeriod;
    folded_to_ = *std::exchange(folding_to_, std::nullopt);
    replies_.fold_done();
    more_dead_ = ledger_.dead_count() != 0;
}

void Engine::delete_dead() {
    const auto now = clock_.now();
    const auto dead = ledger_.take_dead(folded_to_, kDeadPages);
    try {
        write_progress(dead, false);
    } catch (const SqlFault&) {
        for (const auto page : dead)
            ledger_.add_dead(page);
        throw;
    }
    more_dead_ = dead.size() == kDeadPages;
    if (more_dead_) return;
    undeletable_ = ledger_.dead_count();
    next_tidying_ = now.steady + kTidyingPeriod;
}

// Dead pages before progress before refusals: each may be committed only with those after it.
void Engine::write_progress(std::span<const PageNumber> dead, bool fold) {
    const auto now = clock_.now();
    const bool stamp = fold || now.steady >= next_stamp_;
    const auto progress = ledger_.take_changed();
    const auto replays = replays_.take_changed(now.wall);
    for (const Range& delivered : ledger_.stamp_delivered(now.wall))
        delivery_times_.note(now.wall, delivered);
    auto returned_done = ledger_.take_returned_done();
    std::vector<Refusal> refusals;
    {
        const std::lock_guard lock(mutex_);
        refusals.swap(refusals_);
    }
    try {
        Transaction transaction(database_);
        write_refusals(refusals);
        for (const auto& done : returned_done)
            upstreams_.remove_returned(ledger_.name(done.upstream), done.number);
        for (const auto& upstream : progress)
            upstreams_.set_progress(upstream.id, upstream.done);
        for (const auto& replay : replays)
            replay_table_.put(replay);
        journal_.remove({dead.begin(), dead.end()});
        if (fold) {
            replies_.fold(now.wall);
            meta_.set_number("folded_to", *folding_to_);
            meta_.set_number("next_page", next_page_);
            meta_.set_number("next_reading", next_reading_);
        } else {
            replies_.expire(now.wall);
        }
        if (stamp) {
            if (delivery_times_.changed()) delivery_times_.write(ledger_.oldest_delivery());
            meta_.set_number("service_time", static_cast<std::uint64_t>(service_time().count()));
        }
        transaction.commit();
    } catch (const SqlFault&) {
        replies_.recount();
        for (const auto& upstream : progress)
            ledger_.mark_changed(upstream.id);
        for (const auto& replay : replays)
            replays_.mark_changed(replay.replay.upstream);
        ledger_.retry_returned_done(std::move(returned_done));
        const std::lock_guard lock(mutex_);
        refusals_.insert(refusals_.begin(), std::make_move_iterator(refusals.begin()),
                         std::make_move_iterator(refusals.end()));
        throw;
    }
    if (stamp) delivery_times_.written();
    tell_ended(replays);
    next_progress_ = now.steady + kProgressPeriod;
    if (now.steady >= next_stamp_) next_stamp_ = now.steady + kStampPeriod;
}

void Engine::tell_ended(std::span<const ReplayProgress> changed) {
    for (const auto& [replay, done] : changed) {
        if (!replay.ended || replay.cancelled) continue;
        log_.write(kEvent<"store.replay_ended">, {.upstream = replay.upstream_name},
                   "the replay to upstream {} has ended: {} readings sent, {} left out, {} refused, {} gone",
                   replay.upstream_name, replay.sent, replay.left_out, replay.refused, replay.gone);
    }
}

void Engine::write_refusals(std::span<const Refusal> refusals) {
    for (const auto& refusal : refusals) {
        DeadLetter letter;
        letter.upstream = refusal.upstream;
        letter.at = refusal.at;
        letter.reason = refusal.reason;
        letter.reading.number = refusal.number;
        if (refusal.again) {
            upstreams_.refuse_returned(letter);
            continue;
        }
        const PageNumber page = refusal.page != 0 ? refusal.page : finder_.find(refusal.number);
        if (const auto readings = journal_.readings(page)) {
            const auto found = std::ranges::find(*readings, refusal.number, &StoredReading::number);
            if (found != readings->end()) letter.reading = *found;
        }
        letter.reading.number = refusal.number;
        upstreams_.add_dead_letter(letter);
    }
    if (refusals.empty()) return;
    const auto dropped = upstreams_.trim_dead_letters(options_.max_dead_letters);
    const std::lock_guard lock(mutex_);
    counters_.dead_letters_dropped += dropped;
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

// Pages of a busy hour are of no use to a gateway whose nodes sleep.
void Engine::rest(SteadyTime now) {
    if (const auto changes = database_.total_changes(); changes != changes_) {
        changes_ = changes;
        rest_from_ = now + kRestPeriod;
    } else if (rest_from_ && now >= *rest_from_) {
        rest_from_.reset();
        database_.release_memory();
    }
}

void Engine::close() {
    try {
        keep_up(Upkeep::kAll, false);
    } catch (const SqlFault& fault) {
        log_.write(kEvent<"store.progress_unsaved">, {},
                   "{}: progress since the last second is not on disk ({})", file().string(), fault.what);
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
        log_.write(kEvent<"store.disk_full">, {},
                   "{}: the disk is full: readings are refused, sessions and progress go on from a reserve",
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
    log_.write(kEvent<"store.disk_has_room">, {}, "{}: there is room on the disk again: readings are stored",
               options_.directory.string());
}

// Once until it is over: a broken disk fails many times a second.
void Engine::failed(const SqlFault& fault, const char* what) {
    if (std::exchange(failing_, true)) return;
    auto error = fault.error(file());
    error.what = fmt::format("{} failed: {}", what, error.what);
    log_.write(kEvent<"store.write_failed">, {}, error);
}

}  // namespace narrowgate::store
