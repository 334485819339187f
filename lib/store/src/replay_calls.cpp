// SPDX-License-Identifier: Apache-2.0
//
// The facade's calls by which an operator has readings sent once more.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "audit_trail.hpp"
#include "replay_scan.hpp"
#include "store_impl.hpp"

namespace narrowgate::store {
namespace {

// Looks into the store of one call: some tens of milliseconds.
constexpr int kSlicesOfACount = 8;

std::unexpected<Error> no_such_upstream(std::string_view name) {
    return failure(fmt::format("the store knows no upstream \"{}\"", name),
                   "`narrowgate status` lists those it knows");
}

Expected<Range> stretch_on_disk(const Engine& engine, const ReplayChoice& choice) {
    if (const auto stretch = engine.ledger().stretch_of(choice)) return *stretch;
    return engine.options().retention > seconds(0)
               ? failure("no reading of that time is kept any more",
                         "`narrowgate store show` says from when readings are kept; store.retention says how "
                         "long")
               : failure("no reading is kept after its delivery",
                         "set store.retention, such as \"7d\", and restart: what is delivered from then on "
                         "can be replayed");
}

std::string detail_of(const ReplayChoice& choice) {
    std::string text = fmt::format("from {}", to_rfc3339(choice.from));
    if (choice.to) text += fmt::format(" to {}", to_rfc3339(*choice.to));
    if (!choice.fleet.empty()) text += fmt::format(", fleet {}", choice.fleet);
    if (!choice.device.empty()) text += fmt::format(", device {}", choice.device);
    return text;
}

}  // namespace

Expected<Replay> Store::start_replay(std::string_view upstream, const ReplayChoice& choice,
                                     std::string_view actor) {
    return impl_->on_writer([&](Engine& engine) -> Expected<Replay> {
        const auto id = engine.ledger().find_upstream(upstream);
        if (!id) return no_such_upstream(upstream);
        const auto former = engine.replays().find(*id);
        if (former && !former->ended) {
            return failure(
                fmt::format("a replay to upstream {} is in progress, since {}", upstream,
                            to_rfc3339(former->started)),
                fmt::format("wait for its end, or end it: narrowgate replay --cancel --upstream {}",
                            upstream));
        }
        const auto stretch = stretch_on_disk(engine, choice);
        if (!stretch) return std::unexpected(stretch.error());
        const WallTime now = engine.clock().now().wall;
        ReplayProgress progress{.replay = {}, .done = {}};
        Replay& replay = progress.replay;
        replay.upstream = *id;
        replay.upstream_name = upstream;
        replay.job = former ? former->job + 1 : 1;
        replay.choice = choice;
        replay.actor = actor;
        replay.started = now;
        replay.begin = stretch->begin;
        replay.end = stretch->end;
        Transaction transaction(engine.database());
        engine.replay_table().put(progress);
        AuditTrail(engine.database())
            .add({now, std::string(actor), "replay", std::string(upstream), detail_of(choice)});
        transaction.commit();
        engine.replays().put(progress);
        impl_->writer.wake_all();
        return std::move(progress.replay);
    });
}

Expected<Replay> Store::cancel_replay(std::string_view upstream, std::string_view actor) {
    return impl_->on_writer([&](Engine& engine) -> Expected<Replay> {
        const auto id = engine.ledger().find_upstream(upstream);
        if (!id) return no_such_upstream(upstream);
        engine.keep_up(Engine::Upkeep::kProgress, false);  // one that has come to its end is none to cancel
        const WallTime now = engine.clock().now().wall;
        auto progress = engine.replays().cancelled(*id, now);
        if (!progress) {
            return failure(fmt::format("no replay to upstream {} is in progress", upstream),
                           "`narrowgate replay --status` shows which there are");
        }
        Transaction transaction(engine.database());
        engine.replay_table().put(*progress);
        AuditTrail(engine.database())
            .add({now, std::string(actor), "cancel replay", std::string(upstream),
                  fmt::format("{} readings sent", progress->replay.sent)});
        transaction.commit();
        Replay replay = progress->replay;
        engine.replays().put(*std::move(progress));
        impl_->writer.wake_all();
        return replay;
    });
}

std::vector<Replay> Store::replays() const {
    return impl_->engine->replays().all();
}

std::optional<ReplaySpan> Store::replay_of(UpstreamId upstream) const {
    return impl_->engine->replays().span(upstream);
}

void Store::replayed(UpstreamId upstream, ReplayJob job, std::span<const ReadingNumber> numbers,
                     ReplayFate fate) {
    for (const ReadingNumber number : numbers)
        (void)impl_->engine->replays().done(upstream, job, number, fate);
}

void Store::replay_refused(UpstreamId upstream, ReplayJob job, ReadingNumber number, std::string reason) {
    auto& engine = *impl_->engine;
    // The letter first: progress that counts it as done is never written without it.
    if (!engine.replays().running(upstream, job)) return;
    engine.refuse({.upstream = engine.ledger().name(upstream),
                   .number = number,
                   .page = 0,
                   .again = false,
                   .at = engine.clock().now().wall,
                   .reason = std::move(reason)});
    (void)engine.replays().done(upstream, job, number, ReplayFate::kRefused);
}

Expected<ReplayCount> Store::count_replay(std::string_view upstream, const ReplayChoice& choice,
                                          ReadingNumber from,
                                          const std::function<bool(const StoredReading&)>& wanted) {
    return impl_->on_snapshot([&](Snapshot& snapshot) -> Expected<ReplayCount> {
        const auto& engine = *impl_->engine;
        const auto id = engine.ledger().find_upstream(upstream);
        if (!id) return no_such_upstream(upstream);
        const auto stretch = stretch_on_disk(engine, choice);
        if (!stretch) return std::unexpected(stretch.error());
        ReplayCount count;
        ReplayScan scan(snapshot.database);
        Range rest{std::max(from, stretch->begin), stretch->end};
        for (int slice = 0; slice < kSlicesOfACount && rest.begin < rest.end; ++slice) {
            auto found = scan.scan(choice, rest, std::numeric_limits<std::size_t>::max(),
                                   std::numeric_limits<std::size_t>::max());
            count.waiting += engine.ledger().drop_waiting(*id, found.readings);
            for (const StoredReading& reading : found.readings) {
                if (!wanted(reading)) {
                    ++count.unwanted;
                    continue;
                }
                ++count.readings;
                count.bytes += reading.payload.size();
                count.first = count.first ? std::min(*count.first, reading.received) : reading.received;
                count.last = count.last ? std::max(*count.last, reading.received) : reading.received;
            }
            rest.begin = found.next;
        }
        if (rest.begin < rest.end) count.next = rest.begin;
        return count;
    });
}

}  // namespace narrowgate::store
