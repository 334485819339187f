// SPDX-License-Identifier: Apache-2.0
#include "writer.hpp"

#include <pthread.h>

#include <cstdlib>
#include <utility>

namespace narrowgate::store {
namespace {

constexpr std::chrono::milliseconds kPatience{500};         // progress is due each second
constexpr std::size_t kCommitBytes = std::size_t{4} << 20;  // of payload in one page

}  // namespace

Writer::Writer(Engine& engine)
    : engine_(engine),
      inbox_(engine.options().queue_units, engine.options().queue_bytes),
      thread_([this] { run(); }) {
    pthread_setname_np(thread_.native_handle(), "store");
}

SinkId Writer::add_sink(Sink sink) {
    const std::lock_guard lock(mutex_);
    sinks_.push_back(std::move(sink));
    return static_cast<SinkId>(sinks_.size() - 1);
}

void Writer::on_commit(Wake wake) {
    const std::lock_guard lock(mutex_);
    wakes_.push_back(std::move(wake));
}

void Writer::stop() {
    inbox_.close();
    if (thread_.joinable()) thread_.join();
}

WriterPulse Writer::pulse() const {
    WriterPulse pulse{turns_.load(), std::nullopt};
    if (const auto since = commit_since_.load(); since != 0)
        pulse.commit_since = SteadyTime(SteadyTime::duration(since));
    return pulse;
}

void Writer::run() {
    for (bool closed = false; !closed;) {
        Inbox::Work work = inbox_.take(engine_.busy() ? milliseconds{0} : kPatience);
        turns_.fetch_add(1);
        commit_all(work.units);
        commit_since_ = engine_.clock().now().steady.time_since_epoch().count();
        for (auto& job : work.jobs)
            job();
        engine_.keep_up(Engine::Upkeep::kWhenDue, inbox_.idle());
        commit_since_ = 0;
        closed = work.closed && inbox_.idle();
    }
    engine_.close();
}

void Writer::commit_all(std::vector<Unit>& units) {
    const std::span<const Unit> all(units);
    for (std::size_t begin = 0; begin < all.size();) {
        std::size_t count = 0;
        std::size_t bytes = 0;
        while (begin + count < all.size() && count < engine_.options().commit_units && bytes < kCommitBytes) {
            const auto& unit = all[begin + count++];
            if (unit.reading) bytes += unit.reading->payload.size();
        }
        commit(all.subspan(begin, count));
        begin += count;
    }
}

void Writer::commit(std::span<const Unit> units) {
    commit_since_ = engine_.clock().now().steady.time_since_epoch().count();
    const bool stored = engine_.commit(units, outcomes_);
    commit_since_ = 0;
    turns_.fetch_add(1);
    tell(units, outcomes_);
    if (stored) wake_all();
    if (stored && tapped_) show(units);
}

void Writer::set_tap(Tap tap) {
    const std::lock_guard lock(tap_mutex_);
    tap_ = std::move(tap);
    tapped_ = static_cast<bool>(tap_);
}

void Writer::show(std::span<const Unit> units) {
    const std::lock_guard lock(tap_mutex_);
    if (!tap_) return;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (units[i].reading && outcomes_[i] == Outcome::kCommitted) tap_(*units[i].reading);
    }
}

void Writer::wake_all() {
    const auto head = engine_.ledger().head();
    std::size_t count = 0;
    {
        const std::lock_guard lock(mutex_);
        count = wakes_.size();
    }
    for (std::size_t i = 0; i < count; ++i) {
        Wake* wake = nullptr;
        {
            const std::lock_guard lock(mutex_);
            wake = &wakes_[i];
        }
        (*wake)(head);
    }
}

void Writer::tell(std::span<const Unit> units, const std::vector<Outcome>& outcomes) {
    std::vector<Sink*> sinks;
    {
        const std::lock_guard lock(mutex_);
        for (auto& sink : sinks_)
            sinks.push_back(&sink);
    }
    std::vector<std::vector<Completion>> completions(sinks.size());
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (units[i].sink >= sinks.size()) std::abort();  // a sink that add_sink() never gave out
        const auto retry_after =
            outcomes[i] == Outcome::kCommitted ? seconds{0} : engine_.options().retry_after;
        completions[units[i].sink].push_back({units[i].ticket, outcomes[i], retry_after});
    }
    for (std::size_t i = 0; i < sinks.size(); ++i) {
        if (!completions[i].empty()) (*sinks[i])(std::move(completions[i]));
    }
}

}  // namespace narrowgate::store
