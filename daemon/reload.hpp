// SPDX-License-Identifier: Apache-2.0
//
// What a reload (SIGHUP) may change, and what waits for a restart.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "daemon/config.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

// Fails when `wanted` cannot replace `running` without hurting devices or routes: a fleet that still has
// devices is gone, or a route goes to an upstream that does not run yet. `devices` counts them by fleet.
Expected<void> check_reload(const Config& running, const Config& wanted,
                            const std::map<std::string, std::size_t>& devices);

// The settings that differ and take effect only at the next start, as they are written in the file:
// "dtls.mtu", "upstream \"aws\"". Fleets, log level, certificates and the upstreams' other connection
// settings are taken at once and never named here.
std::vector<std::string> waiting_for_restart(const Config& running, const Config& wanted);

}  // namespace narrowgate::daemon
