// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/service_manager.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace narrowgate::io {
namespace {

constexpr std::uint64_t kForgetMicroseconds = 1'000'000;

}  // namespace

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

std::vector<KeptDescriptor> ServiceManager::take_kept() const {
    std::vector<KeptDescriptor> kept;
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < count; ++i) {
        kept.push_back({.name = names[i], .descriptor = FileDescriptor(SD_LISTEN_FDS_START + i)});
        std::free(names[i]);
    }
    std::free(static_cast<void*>(names));
    return kept;
}

void ServiceManager::keep(const std::string& name, int fd) const {
    // FDPOLL=0: systemd must not let go of a socket for an error that is pending on it.
    (void)sd_pid_notify_with_fds(0, 0, fmt::format("FDSTORE=1\nFDNAME={}\nFDPOLL=0", name).c_str(), &fd, 1);
}

void ServiceManager::forget(const std::string& name) const {
    (void)sd_notify(0, fmt::format("FDSTOREREMOVE=1\nFDNAME={}", name).c_str());
    (void)sd_notify_barrier(0, kForgetMicroseconds);
}

}  // namespace narrowgate::io
