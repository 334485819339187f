// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/session_calls.hpp"

#include <algorithm>
#include <utility>

#include "daemon/devices/device_history.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

constexpr std::size_t kDefaultSessions = 20;
constexpr std::size_t kMaxSessions = 1'000;

json session_json(const store::SessionRow& row, store::CredentialReader& credentials) {
    json device = nullptr;
    json identity = nullptr;
    const auto found = credentials.find(row.credential, [&](store::CredentialRow&& credential) {
        device = credential.device;
        identity = credential.identity;
    });
    if (!found) device = identity = nullptr;  // the session is shown all the same
    return {{"device", std::move(device)},
            {"identity", std::move(identity)},
            {"confirmed", row.confirmed},
            {"cid", to_hex(row.cid)},
            {"remote", row.path.remote.text()},
            {"established", to_rfc3339(row.established)},
            {"last_seen", to_rfc3339(row.last_seen)},
            {"bytes_up", row.traffic.bytes_up},
            {"bytes_down", row.traffic.bytes_down}};
}

Expected<json> list_sessions(store::Store& store, const json& arguments) {
    const auto count = count_argument_or(arguments, "count", kDefaultSessions);
    if (!count) return std::unexpected(count.error());
    const auto rows = store.last_sessions(std::min(*count, kMaxSessions));
    if (!rows) return std::unexpected(rows.error());
    const auto credentials = store.credential_reader();
    if (!credentials) return std::unexpected(credentials.error());
    const auto exports = store.exports();
    if (!exports) return std::unexpected(exports.error());
    json last = json::array();
    for (const store::SessionRow& row : *rows)
        last.push_back(session_json(row, **credentials));
    json kept = json::array();
    for (const store::ExportInfo& info : *exports)
        kept.push_back(export_json(info));
    return json{{"instance", store.instance().text()},
                {"sessions", store.status().sessions},
                {"last", std::move(last)},
                {"exports", std::move(kept)}};
}

Expected<json> forget(store::Store& store, const Clock& clock, const EndSessions& end, const json& arguments,
                      const Caller& caller) {
    const auto all = flag_argument_or(arguments, "all", false);
    if (!all) return std::unexpected(all.error());
    const auto device = text_argument_or(arguments, "device", "");
    if (!device) return std::unexpected(device.error());
    if (*all != device->empty())
        return failure("either a device or \"all\" must be given, and not both", "correct the request");
    const auto event = device_event({}, clock.now().wall, SessionEndEvent{.how = SessionEnd::kForgotten});
    auto forgotten = store.forget_sessions(*all ? std::nullopt : std::optional<std::string_view>(*device),
                                           event.body, caller.name);
    if (!forgotten) return std::unexpected(forgotten.error());
    const std::size_t count = forgotten->size();
    if (end && count != 0 && !end(*std::move(forgotten))) {
        return failure("the sessions are gone from disk, but a busy thread of the gateway could not be told",
                       "restart the gateway: systemctl restart narrowgate");
    }
    return json{{"sessions", count}};
}

}  // namespace

json export_json(const store::ExportInfo& info) {
    return {{"id", info.id.text()},
            {"destination", info.destination.text()},
            {"generation", info.generation},
            {"sessions", info.sessions},
            {"made", to_rfc3339(info.made)}};
}

void add_session_calls(ControlCalls& calls, store::Store& store, const Clock& clock, EndSessions end) {
    calls.add("sessions.list", [&store](json& arguments) { return list_sessions(store, arguments); });
    calls.add("sessions.forget",
              [&store, &clock, end = std::move(end)](json& arguments, const Caller& caller) {
                  return forget(store, clock, end, arguments, caller);
              });
}

}  // namespace narrowgate::daemon
