// SPDX-License-Identifier: Apache-2.0
//
// What systemd wants to hear from a service of Type=notify (sd_notify(3)). Started by hand, nobody listens
// and every call does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace narrowgate::io {

// Thread: any.
class ServiceManager {
public:
    void ready() const;
    void reloading() const;
    void stopping() const;
    // One line, shown by systemctl status.
    void status(std::string_view line) const;
    void feed_watchdog() const;
    // How often systemd wants to be fed at least (WatchdogSec=); nothing when it does not watch.
    std::optional<std::chrono::microseconds> watchdog_period() const;
};

}  // namespace narrowgate::io
