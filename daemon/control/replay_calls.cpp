// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/replay_calls.hpp"

#include <utility>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

json replay_json(const store::Replay& replay) {
    return {{"upstream", replay.upstream_name},
            {"state", replay.cancelled ? "cancelled"
                      : replay.ended   ? "ended"
                                       : "running"},
            {"from", to_rfc3339(replay.choice.from)},
            {"to", time_json(replay.choice.to)},
            {"fleet", replay.choice.fleet},
            {"device", replay.choice.device},
            {"actor", replay.actor},
            {"started", to_rfc3339(replay.started)},
            {"ended", time_json(replay.ended)},
            {"looked_through", replay.passed},
            {"to_look_through", replay.end - replay.begin},
            {"sent", replay.sent},
            {"left_out", replay.left_out},
            {"refused", replay.refused},
            {"gone", replay.gone}};
}

Expected<store::ReplayChoice> readings_chosen(const json& arguments) {
    store::ReplayChoice choice;
    const auto from = time_argument(arguments, "from");
    if (!from) return std::unexpected(from.error());
    if (!*from) return failure("from when readings are meant is not said", "give \"from\"");
    choice.from = **from;
    const auto to = time_argument(arguments, "to");
    if (!to) return std::unexpected(to.error());
    choice.to = *to;
    if (choice.to && *choice.to <= choice.from)
        return failure("the time ends before it begins", "give a \"to\" that is later than \"from\"");
    auto fleet = text_argument_or(arguments, "fleet", "");
    if (!fleet) return std::unexpected(fleet.error());
    choice.fleet = *std::move(fleet);
    auto device = text_argument_or(arguments, "device", "");
    if (!device) return std::unexpected(device.error());
    choice.device = *std::move(device);
    return choice;
}

Expected<json> count(store::Store& store, const ReplayRoutes& routes_of, const json& arguments) {
    const auto upstream = text_argument(arguments, "upstream");
    if (!upstream) return std::unexpected(upstream.error());
    const auto choice = readings_chosen(arguments);
    if (!choice) return std::unexpected(choice.error());
    const auto after = count_argument_or(arguments, "after", 0);
    if (!after) return std::unexpected(after.error());
    const auto routes = routes_of(*upstream);
    if (!routes) return std::unexpected(routes.error());
    const auto counted = store.count_replay(*upstream, *choice, *after, [&](const store::StoredReading& one) {
        const Destination* destination = (*routes)->find(one.fleet, one.resource);
        return destination != nullptr && !destination->is_shadow;
    });
    if (!counted) return std::unexpected(counted.error());
    return json{{"readings", counted->readings},
                {"bytes", counted->bytes},
                {"waiting", counted->waiting},
                {"unwanted", counted->unwanted},
                {"first", time_json(counted->first)},
                {"last", time_json(counted->last)},
                {"next", counted->next ? json(*counted->next) : json(nullptr)}};
}

Expected<json> start(store::Store& store, const ReplayRoutes& routes_of, const json& arguments,
                     const Caller& caller) {
    const auto upstream = text_argument(arguments, "upstream");
    if (!upstream) return std::unexpected(upstream.error());
    const auto choice = readings_chosen(arguments);
    if (!choice) return std::unexpected(choice.error());
    if (const auto routes = routes_of(*upstream); !routes) return std::unexpected(routes.error());
    const auto replay = store.start_replay(*upstream, *choice, caller.name);
    if (!replay) return std::unexpected(replay.error());
    return replay_json(*replay);
}

Expected<json> cancel(store::Store& store, const json& arguments, const Caller& caller) {
    const auto upstream = text_argument(arguments, "upstream");
    if (!upstream) return std::unexpected(upstream.error());
    const auto replay = store.cancel_replay(*upstream, caller.name);
    if (!replay) return std::unexpected(replay.error());
    return replay_json(*replay);
}

Expected<json> list(const store::Store& store) {
    json all = json::array();
    for (const store::Replay& replay : store.replays())
        all.push_back(replay_json(replay));
    return json{{"replays", std::move(all)}};
}

}  // namespace

void add_replay_calls(ControlCalls& calls, store::Store& store, ReplayRoutes routes) {
    calls.add("replay.list", [&store](json&) { return list(store); });
    if (!routes) return;
    calls.add("replay.count", [&store, routes](json& arguments) { return count(store, routes, arguments); });
    calls.add("replay.start", [&store, routes](json& arguments, const Caller& caller) {
        return start(store, routes, arguments, caller);
    });
    calls.add("replay.cancel",
              [&store](json& arguments, const Caller& caller) { return cancel(store, arguments, caller); });
}

Expected<void> end_impossible_replays(store::Store& store,
                                      const std::function<bool(std::string_view)>& possible) {
    for (const store::Replay& replay : store.replays()) {
        if (replay.ended || possible(replay.upstream_name)) continue;
        if (auto cancelled = store.cancel_replay(replay.upstream_name, "gateway"); !cancelled)
            return std::unexpected(std::move(cancelled.error()));
    }
    return {};
}

}  // namespace narrowgate::daemon
