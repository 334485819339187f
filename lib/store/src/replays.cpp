// SPDX-License-Identifier: Apache-2.0
#include "replays.hpp"

#include <algorithm>
#include <utility>

#include "upstream_table.hpp"

namespace narrowgate::store {

void Replays::put(ReplayProgress progress) {
    const std::lock_guard lock(mutex_);
    progress.replay.passed = progress.done.count_within(progress.replay.begin, progress.replay.end);
    const UpstreamId upstream = progress.replay.upstream;
    entries_.insert_or_assign(upstream, Entry{std::move(progress), false});
    count_running();
}

void Replays::forget(UpstreamId upstream) {
    const std::lock_guard lock(mutex_);
    entries_.erase(upstream);
    count_running();
}

std::optional<Replay> Replays::find(UpstreamId upstream) const {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(upstream);
    return entry == entries_.end() ? std::nullopt : std::optional(entry->second.progress.replay);
}

std::vector<Replay> Replays::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Replay> all;
    all.reserve(entries_.size());
    for (const auto& [upstream, entry] : entries_)
        all.push_back(entry.progress.replay);
    return all;
}

std::optional<ReplaySpan> Replays::span(UpstreamId upstream) const {
    if (!running()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(upstream);
    if (found == entries_.end() || found->second.progress.replay.ended) return std::nullopt;
    const auto& [replay, done] = found->second.progress;
    return ReplaySpan{replay.job, done.first_missing(replay.begin), replay.end};
}

std::optional<Replay> Replays::running(UpstreamId upstream, ReplayJob job) const {
    const std::lock_guard lock(mutex_);
    const Entry* entry = entry_of(upstream, job);
    return entry == nullptr ? std::nullopt : std::optional(entry->progress.replay);
}

void Replays::keep_due(UpstreamId upstream, ReplayJob job, std::vector<StoredReading>& readings) const {
    const std::lock_guard lock(mutex_);
    const Entry* entry = entry_of(upstream, job);
    std::erase_if(readings, [&](const StoredReading& reading) {
        return entry == nullptr || entry->progress.done.contains(reading.number);
    });
}

void Replays::passed(UpstreamId upstream, ReplayJob job, Range stretch, std::span<const StoredReading> due,
                     std::span<const Range> gone) {
    const std::lock_guard lock(mutex_);
    Entry* entry = entry_of(upstream, job);
    if (entry == nullptr) return;
    auto& [replay, done] = entry->progress;
    for (const Range& range : gone) {
        const auto fresh = done.insert(range.begin, range.end);
        replay.gone += fresh;
        replay.passed += fresh;
    }
    ReadingNumber from = stretch.begin;
    for (const StoredReading& reading : due) {
        replay.passed += done.insert(from, reading.number);
        from = reading.number + 1;
    }
    replay.passed += done.insert(from, stretch.end);
    changed(*entry);
}

void Replays::delivered(UpstreamId upstream, std::span<const ReadingNumber> numbers) {
    if (!running()) return;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(upstream);
    if (found == entries_.end() || found->second.progress.replay.ended) return;
    auto& [replay, done] = found->second.progress;
    std::uint64_t fresh = 0;
    for (const ReadingNumber number : numbers)
        if (number >= replay.begin && number < replay.end) fresh += done.insert(number, number + 1);
    if (fresh == 0) return;
    replay.passed += fresh;
    changed(found->second);
}

bool Replays::done(UpstreamId upstream, ReplayJob job, ReadingNumber number, ReplayFate fate) {
    const std::lock_guard lock(mutex_);
    Entry* entry = entry_of(upstream, job);
    if (entry == nullptr) return false;
    auto& [replay, done] = entry->progress;
    if (number < replay.begin || number >= replay.end || done.insert(number, number + 1) == 0) return false;
    ++replay.passed;
    switch (fate) {
        case ReplayFate::kSent:
            ++replay.sent;
            break;
        case ReplayFate::kLeftOut:
            ++replay.left_out;
            break;
        case ReplayFate::kRefused:
            ++replay.refused;
            break;
    }
    changed(*entry);
    return true;
}

std::optional<ReplayProgress> Replays::cancelled(UpstreamId upstream, WallTime now) const {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(upstream);
    if (entry == entries_.end() || entry->second.progress.replay.ended) return std::nullopt;
    ReplayProgress progress = entry->second.progress;
    progress.replay.ended = now;
    progress.replay.cancelled = true;
    return progress;
}

std::vector<ReplayProgress> Replays::take_changed(WallTime now) {
    const std::lock_guard lock(mutex_);
    changed_.store(false, std::memory_order_relaxed);
    std::vector<ReplayProgress> taken;
    for (auto& [upstream, entry] : entries_) {
        if (!std::exchange(entry.changed, false)) continue;
        Replay& replay = entry.progress.replay;
        if (!replay.ended && entry.progress.done.first_missing(replay.begin) >= replay.end)
            replay.ended = now;
        taken.push_back(entry.progress);
    }
    count_running();
    return taken;
}

void Replays::mark_changed(UpstreamId upstream) {
    const std::lock_guard lock(mutex_);
    if (const auto entry = entries_.find(upstream); entry != entries_.end()) changed(entry->second);
}

Replays::Entry* Replays::entry_of(UpstreamId upstream, ReplayJob job) {
    const auto entry = entries_.find(upstream);
    if (entry == entries_.end()) return nullptr;
    const Replay& replay = entry->second.progress.replay;
    return replay.job == job && !replay.ended ? &entry->second : nullptr;
}

const Replays::Entry* Replays::entry_of(UpstreamId upstream, ReplayJob job) const {
    const auto entry = entries_.find(upstream);
    if (entry == entries_.end()) return nullptr;
    const Replay& replay = entry->second.progress.replay;
    return replay.job == job && !replay.ended ? &entry->second : nullptr;
}

void Replays::changed(Entry& entry) {
    entry.changed = true;
    changed_.store(true, std::memory_order_relaxed);
}

void Replays::count_running() {
    const bool running =
        std::ranges::any_of(entries_, [](const auto& entry) { return !entry.second.progress.replay.ended; });
    running_.store(running, std::memory_order_release);
}

ReplayTable::ReplayTable(Database& database)
    : put_(database,
           "INSERT OR REPLACE INTO replay(upstream, job, since, until, fleet, device, actor, started, ended,"
           " cancelled, first, beyond, done, sent, left_out, refused, gone)"
           " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"),
      remove_(database, "DELETE FROM replay WHERE upstream = ?1"),
      all_(database,
           "SELECT upstream, job, since, until, fleet, device, actor, started, ended, cancelled, first, "
           "beyond,"
           " done, sent, left_out, refused, gone FROM replay ORDER BY upstream") {}

std::vector<ReplayProgress> ReplayTable::all() {
    std::vector<ReplayProgress> all;
    Query query(all_);
    while (query.next()) {
        auto done = decode_progress(query.blob(12));
        if (!done || query.number(0) >= kMaxUpstreams) continue;
        ReplayProgress progress{.replay = {}, .done = *std::move(done)};
        Replay& replay = progress.replay;
        replay.upstream = static_cast<UpstreamId>(query.number(0));
        replay.job = query.number(1);
        replay.choice = {.from = query.time(2),
                         .to = query.maybe_time(3),
                         .fleet = query.text(4),
                         .device = query.text(5)};
        replay.actor = query.text(6);
        replay.started = query.time(7);
        replay.ended = query.maybe_time(8);
        replay.cancelled = query.integer(9) != 0;
        replay.begin = query.number(10);
        replay.end = query.number(11);
        replay.sent = query.number(13);
        replay.left_out = query.number(14);
        replay.refused = query.number(15);
        replay.gone = query.number(16);
        all.push_back(std::move(progress));
    }
    return all;
}

void ReplayTable::put(const ReplayProgress& progress) {
    const Replay& replay = progress.replay;
    put_.run(replay.upstream, replay.job, replay.choice.from, replay.choice.to, replay.choice.fleet,
             replay.choice.device, replay.actor, replay.started, replay.ended, replay.cancelled, replay.begin,
             replay.end, encode_progress(progress.done), replay.sent, replay.left_out, replay.refused,
             replay.gone);
}

void ReplayTable::remove(UpstreamId upstream) {
    remove_.run(upstream);
}

}  // namespace narrowgate::store
