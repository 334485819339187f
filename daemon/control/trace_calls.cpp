// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/trace_calls.hpp"

#include <fmt/format.h>

#include "daemon/control/trace_json.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

Expected<json> traces(const Upstreams& upstreams, const json& arguments) {
    const auto name = text_argument(arguments, "upstream");
    if (!name) return std::unexpected(name.error());
    const std::vector<mqtt::Traces> kept = upstreams.traces(*name);
    if (kept.empty()) {
        return failure(fmt::format("the running daemon has no upstream \"{}\"", *name),
                       "narrowgate status names them; a new one is there after a restart");
    }
    json connections = json::array();
    for (const mqtt::Traces& of_one : kept) {
        connections.push_back({{"present", to_json(of_one.present)},
                               {"last_good", of_one.last_good ? to_json(*of_one.last_good) : json(nullptr)},
                               {"last_bad", of_one.last_bad ? to_json(*of_one.last_bad) : json(nullptr)}});
    }
    return json{{"upstream", *name}, {"connections", std::move(connections)}};
}

}  // namespace

void add_trace_calls(ControlCalls& calls, const Upstreams& upstreams) {
    calls.add("upstream.traces", [&upstreams](json& arguments) { return traces(upstreams, arguments); });
}

}  // namespace narrowgate::daemon
