// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/look_routes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "narrowgate/ops/http_client.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

struct LookRoute {
    std::string_view call;
    std::string_view path;    // ends in "/" when a last segment follows
    std::string_view last{};  // the argument that the last segment is
    // A parameter, with its value, that tells this call from another one on its path.
    std::string_view key{};
    std::string_view value{};
};

// What has a parameter of its own comes before what has none, and a path before what it is a part of.
constexpr std::array kRoutes = {
    LookRoute{"status", "/v1/status"},
    LookRoute{"device.list", "/v1/devices"},
    LookRoute{"device.show", "/v1/devices/", "device", "verdict", "no"},
    LookRoute{"devices.silent", "/v1/devices/silent"},
    LookRoute{"devices.costly", "/v1/devices/costly"},
    LookRoute{"devices.slow", "/v1/devices/slow"},
    LookRoute{"device.diagnose", "/v1/devices/", "who"},
    LookRoute{"fleets", "/v1/fleets"},
    LookRoute{"sessions.list", "/v1/sessions"},
    LookRoute{"upstream.traces", "/v1/upstreams/", "upstream"},
    LookRoute{"store.show", "/v1/store"},
    LookRoute{"dead_letters.list", "/v1/dead-letters"},
};

bool leads_to(const LookRoute& route, std::string_view path,
              const std::map<std::string, std::string>& query) {
    const bool there = route.last.empty() ? path == route.path
                                          : path.starts_with(route.path) && path.size() > route.path.size();
    if (!there || route.key.empty()) return there;
    const auto found = query.find(std::string(route.key));
    return found != query.end() && found->second == route.value;
}

// A query has only text: these are the arguments of these calls that are numbers.
json argument_of(std::string_view name, const std::string& text) {
    if (name != "count" && name != "exchanges") return text;
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size()) return text;
    return count;
}

std::string query_text_of(const json& argument) {
    return argument.is_string() ? argument.get<std::string>() : argument.dump();
}

}  // namespace

std::optional<Look> look_at(std::string_view path, const std::map<std::string, std::string>& query) {
    const auto route = std::ranges::find_if(
        kRoutes, [&](const LookRoute& candidate) { return leads_to(candidate, path, query); });
    if (route == kRoutes.end()) return std::nullopt;
    Look look{std::string(route->call), json::object()};
    for (const auto& [name, value] : query)
        if (name != route->key) look.arguments[name] = argument_of(name, value);
    if (!route->last.empty()) look.arguments[route->last] = path.substr(route->path.size());
    return look;
}

std::optional<std::string> target_of(std::string_view call, const json& arguments) {
    const auto route = std::ranges::find(kRoutes, call, &LookRoute::call);
    if (route == kRoutes.end()) return std::nullopt;
    std::string target(route->path);
    if (!route->last.empty()) {
        const std::string last = query_text_of(arguments.at(route->last));
        // A device may have the name of a list.
        const std::map<std::string, std::string> query{{std::string(route->key), std::string(route->value)}};
        const auto back = look_at(target + last, query);
        if (!back || back->call != call) return std::nullopt;
        target += ops::url_encoded(last);
    }
    char between = '?';
    const auto add = [&](std::string_view name, std::string_view value) {
        target.append(1, std::exchange(between, '&'))
            .append(name)
            .append("=")
            .append(ops::url_encoded(value));
    };
    if (!route->key.empty()) add(route->key, route->value);
    for (const auto& [name, value] : arguments.items())
        if (name != route->last) add(name, query_text_of(value));
    return target;
}

}  // namespace narrowgate::daemon
