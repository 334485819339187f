// SPDX-License-Identifier: Apache-2.0
//
// Feeds systemd's watchdog only while every loop of the process turns. What hangs is named in the log before
// systemd kills the process, so that the restart explains itself.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/io/service_manager.hpp"

namespace narrowgate::daemon {

// Thread: the main loop's.
class Watchdog {
public:
    // Does nothing when systemd does not watch. All must outlive the watchdog.
    Watchdog(io::EventLoop& loop, const io::ServiceManager& service_manager, Log& log);

    // A loop: `ask` must make it call the function it is handed, in its own thread.
    void watch_loop(std::string name, std::function<void(std::function<void()>)> ask);
    // Anything else that can tell by itself whether it lives.
    void watch(std::string name, std::function<bool(SteadyTime now)> alive);

    // Starts feeding. Call it once, when everything is watched.
    void start();

private:
    struct Watched {
        std::string name;
        std::function<bool(SteadyTime)> alive;
        bool complained = false;
    };

    void turn();

    io::EventLoop& loop_;
    const io::ServiceManager& service_manager_;
    Log& log_;
    std::vector<Watched> watched_;
    std::chrono::microseconds interval_{0};
    io::Source timer_;
};

}  // namespace narrowgate::daemon
