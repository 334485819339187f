// SPDX-License-Identifier: Apache-2.0
//
// What systemd wants to hear from a service of Type=notify (sd_notify(3)). Started by hand, nobody listens
// and every call does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::io {

// What an earlier process of the service left with the manager.
struct KeptDescriptor {
    std::string name;
    FileDescriptor descriptor;
};

// Thread: any, unless a call says otherwise.
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

    // --- Its store of descriptors (FileDescriptorStoreMax=), which outlives the process, not a stop of the
    // service.

    // All that is there, once: a second call finds none. Call it before any thread is started: it changes the
    // environment.
    std::vector<KeptDescriptor> take_kept() const;
    // Leaves a copy there. The name may hold printable ASCII but ':', at most 255 bytes. What does not fit is
    // not kept, and nobody says so.
    void keep(const std::string& name, int fd) const;
    // Has every descriptor of that name closed, and returns when that is done, or after a second.
    void forget(const std::string& name) const;
};

}  // namespace narrowgate::io
