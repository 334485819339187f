// SPDX-License-Identifier: Apache-2.0
//
// What a reload (SIGHUP) may change, and what waits for a restart.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/care/care_book.hpp"
#include "daemon/config.hpp"
#include "daemon/devices/credential_directory.hpp"
#include "daemon/devices/device_service.hpp"
#include "daemon/ingress/shards.hpp"
#include "daemon/upstream/upstreams.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

// Fails when `wanted` cannot replace `running` without hurting devices or routes: a fleet that still has
// devices is gone, or a route goes to an upstream that does not run yet. `devices` counts them by fleet;
// unless they are `all_devices`, no fleet may go.
Expected<void> check_reload(const Config& running, const Config& wanted,
                            const std::map<std::string, std::size_t>& devices, bool all_devices = true);

// The settings that differ and take effect only at the next start, as they are written in the file:
// "dtls.mtu", "upstream \"aws\"". Fleets, log level, certificates and the upstreams' other connection
// settings are taken at once and never named here.
std::vector<std::string> waiting_for_restart(const Config& running, const Config& wanted);

std::set<std::string> names_of(const std::vector<Fleet>& fleets);

// Carries a reload out, all or nothing. Thread: the main loop's.
class Reloader {
public:
    // What a reload touches; all must outlive the reloader.
    struct Targets {
        const UpstreamIds& upstream_ids;
        const CredentialDirectory& credentials;
        DeviceService& devices;
        CareBook& care;
        Shards& shards;
        Upstreams& upstreams;
        Log& log;
    };

    // `running` is what `file` said at the start.
    Reloader(std::filesystem::path file, Config running, Targets targets);

    // Reads the file again. Whatever is wrong with it is logged and returned, a line a mistake, and nothing
    // changes.
    std::optional<std::string> reload(WallTime now);

private:
    const std::filesystem::path file_;
    Config running_;
    const Targets targets_;
};

}  // namespace narrowgate::daemon
