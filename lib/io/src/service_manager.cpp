// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/service_manager.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>
#include <string>

namespace narrowgate::io {

void ServiceManager::ready() const {
    (void)sd_notify(0, "READY=1");
}

void ServiceManager::reloading() const {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::string state =
        fmt::format("RELOADING=1\nMONOTONIC_USEC={}{:06}", now.tv_sec, now.tv_nsec / 1000);
    (void)sd_notify(0, state.c_str());
}

void ServiceManager::stopping() const {
    (void)sd_notify(0, "STOPPING=1");
}

void ServiceManager::status(std::string_view line) const {
    (void)sd_notify(0, fmt::format("STATUS={}", line).c_str());
}

void ServiceManager::feed_watchdog() const {
    (void)sd_notify(0, "WATCHDOG=1");
}

std::optional<std::chrono::microseconds> ServiceManager::watchdog_period() const {
    std::uint64_t period = 0;
    if (sd_watchdog_enabled(0, &period) <= 0) return std::nullopt;
    return std::chrono::microseconds(period);
}

}  // namespace narrowgate::io
