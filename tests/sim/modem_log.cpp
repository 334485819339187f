// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_log.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace narrowgate::sim {
namespace {

constexpr std::size_t kIpAndUdpBytes = 20 + 8;  // IPv4 without options, UDP

const char* name_of(ModemEvent::Kind kind) {
    using Kind = ModemEvent::Kind;
    switch (kind) {
        case Kind::kStart:
            return "start";
        case Kind::kRegistration:
            return "registration";
        case Kind::kConnected:
            return "connected";
        case Kind::kReleased:
            return "released";
        case Kind::kAsleep:
            return "asleep";
        case Kind::kAwake:
            return "awake";
        case Kind::kUp:
            return "up";
        case Kind::kDown:
            return "down";
        case Kind::kHeard:
            return "heard";
        case Kind::kSaid:
            return "said";
    }
    return "?";
}

}  // namespace

std::string to_json_line(const ModemEvent& event, SteadyTime began) {
    const auto at = std::chrono::floor<milliseconds>(event.at - began);
    nlohmann::ordered_json json{{"at", static_cast<double>(at.count()) / 1'000},
                                {"what", name_of(event.kind)}};
    const bool up = event.kind == ModemEvent::Kind::kUp;
    if (up || event.kind == ModemEvent::Kind::kDown) {
        json["bytes"] = event.datagram.size();
        json["ip_bytes"] = event.datagram.size() + kIpAndUdpBytes;
        json["socket_port"] = event.port;
        json["remote"] = event.remote.text();
        if (up) json["flags"] = fmt::format("0x{:03x}", event.flags);
        json["hex"] = to_hex(event.datagram);
    } else if (!event.text.empty()) {
        json["text"] = event.text;
    }
    // A node may say anything, also what is no UTF-8.
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace narrowgate::sim
