// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.hpp"

#include <utility>

#include "daemon/events.hpp"

namespace narrowgate::daemon {

Watchdog::Watchdog(io::EventLoop& loop, const io::ServiceManager& service_manager, Log& log)
    : loop_(loop), service_manager_(service_manager), log_(log), timer_(loop.timer([this] { turn(); })) {}

void Watchdog::watch_loop(std::string name, std::function<void(std::function<void()>)> ask) {
    // What it was asked and has answered; equal: it has turned since the last look.
    struct Beats {
        std::uint64_t asked = 0;
        std::atomic<std::uint64_t> answered{0};
    };
    auto beats = std::make_shared<Beats>();
    watch(std::move(name), [beats, ask = std::move(ask)](SteadyTime) {
        const bool alive = beats->answered.load(std::memory_order_acquire) == beats->asked;
        if (alive) {
            const std::uint64_t beat = ++beats->asked;
            ask([beats, beat] { beats->answered.store(beat, std::memory_order_release); });
        }
        return alive;
    });
}

void Watchdog::watch(std::string name, std::function<bool(SteadyTime)> alive) {
    watched_.push_back({std::move(name), std::move(alive)});
}

void Watchdog::start() {
    const auto period = service_manager_.watchdog_period();
    if (!period) return;
    // Four looks a period: a loop may miss two before systemd loses patience.
    interval_ = *period / 4;
    turn();
}

void Watchdog::turn() {
    const SteadyTime now = loop_.now().steady;
    bool all = true;
    for (Watched& watched : watched_) {
        const bool alive = watched.alive(now);
        if (!alive && !watched.complained) {
            log_.write(kEvent<"gateway.loop_stuck">, {},
                       "{} does not turn: systemd will restart the service if that lasts", watched.name);
        }
        watched.complained = !alive;
        all = all && alive;
    }
    if (all) service_manager_.feed_watchdog();
    timer_.arm(now + interval_);
}

}  // namespace narrowgate::daemon
