// SPDX-License-Identifier: Apache-2.0
//
// Which calls only look, and where the HTTP API has them. The command line asks there; what changes
// something, or hands out keys, goes by the control socket, whose server knows who asks.
//
//     status                       GET /v1/status
//     device.list {after?, count?}            GET /v1/devices?after=NAME&count=N
//     device.diagnose {who, exchanges?}       GET /v1/devices/WHO?exchanges=N
//     device.show {device, exchanges?}        GET /v1/devices/DEVICE?verdict=no&exchanges=N
//     devices.silent {count?, fleet?}         GET /v1/devices/silent?count=N&fleet=F; devices.costly likewise
//     devices.slow {count?}        GET /v1/devices/slow?count=N
//     fleets                       GET /v1/fleets
//     sessions.list {count?}       GET /v1/sessions?count=N
//     upstream.traces {upstream}   GET /v1/upstreams/NAME
//     store.show {count?}          GET /v1/store?count=N
//     dead_letters.list {upstream?, count?}   GET /v1/dead-letters?upstream=NAME&count=N
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace narrowgate::daemon {

struct Look {
    std::string call;
    nlohmann::json arguments;  // an object
};

// What a GET asks for. Nothing: no call is there.
std::optional<Look> look_at(std::string_view path, const std::map<std::string, std::string>& query);

// The path and query of a GET that makes this call, encoded. Nothing: it is none that only looks, or what it
// asks for has the name of something else there.
std::optional<std::string> target_of(std::string_view call, const nlohmann::json& arguments);

}  // namespace narrowgate::daemon
