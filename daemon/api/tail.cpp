// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/tail.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "narrowgate/payload/envelope.hpp"

namespace narrowgate::daemon {
namespace {

constexpr milliseconds kTailTurn{1000};
// Behind so many turns without a reading a comment shows that the connection stands.
constexpr int kQuietTurns = 15;

std::string event_of(const store::NewReading& reading) {
    return "event: reading\ndata: " +
           payload::render_envelope({.id = {},
                                     .device = reading.device,
                                     .fleet = reading.fleet,
                                     .resource = reading.resource,
                                     .received = reading.received,
                                     .content_format = reading.content_format,
                                     .payload = reading.payload}) +
           "\n\n";
}

}  // namespace

class Tail::Watcher final : public ops::HttpStream {
public:
    Watcher(Tail& tail, TailFilter filter) : tail_(tail), filter_(std::move(filter)) { tail_.add(*this); }
    ~Watcher() override { tail_.remove(*this); }

    void take(const store::NewReading& reading) {
        if (!filter_.fleet.empty() && reading.fleet != filter_.fleet) return;
        if (!filter_.device.empty() && reading.device != filter_.device) return;
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kMostWaiting) {
            ++skipped_;
            return;
        }
        waiting_.push_back(reading);
        come_.notify_one();
    }

    bool next(std::string& out) override {
        std::deque<store::NewReading> readings;
        std::uint64_t skipped = 0;
        {
            std::unique_lock lock(mutex_);
            come_.wait_for(lock, kTailTurn, [this] { return !waiting_.empty(); });
            readings.swap(waiting_);
            skipped = std::exchange(skipped_, 0);
        }
        // Rendered here, not where they were committed.
        for (const store::NewReading& reading : readings)
            out += event_of(reading);
        if (skipped != 0) out += fmt::format("event: skipped\ndata: {}\n\n", skipped);
        quiet_ = readings.empty() ? quiet_ + 1 : 0;
        if (std::exchange(greeted_, true) && quiet_ < kQuietTurns) return true;
        out += ": watching\n\n";
        quiet_ = 0;
        return true;
    }

private:
    Tail& tail_;
    const TailFilter filter_;
    std::mutex mutex_;
    std::condition_variable come_;
    std::deque<store::NewReading> waiting_;
    std::uint64_t skipped_ = 0;
    int quiet_ = 0;
    bool greeted_ = false;
};

std::unique_ptr<ops::HttpStream> Tail::watch(TailFilter filter) {
    return std::make_unique<Watcher>(*this, std::move(filter));
}

void Tail::add(Watcher& watcher) {
    const std::lock_guard one_at_a_time(registration_);
    {
        const std::lock_guard lock(mutex_);
        watchers_.push_back(&watcher);
    }
    if (watchers_.size() == 1) {
        store_.set_tap([this](const store::NewReading& reading) { take(reading); });
    }
}

void Tail::remove(Watcher& watcher) {
    const std::lock_guard one_at_a_time(registration_);
    {
        const std::lock_guard lock(mutex_);
        std::erase(watchers_, &watcher);
    }
    if (watchers_.empty()) store_.set_tap({});
}

void Tail::take(const store::NewReading& reading) {
    const std::lock_guard lock(mutex_);
    for (Watcher* const watcher : watchers_)
        watcher->take(reading);
}

}  // namespace narrowgate::daemon
