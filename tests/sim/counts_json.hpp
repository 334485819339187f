// SPDX-License-Identifier: Apache-2.0
//
// Counts of links, the NAT, the broker, the modem and the nonce audit as the simulators print them.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/aws_broker.hpp"
#include "sim/modem_state.hpp"
#include "sim/nat.hpp"
#include "sim/nonce_audit.hpp"
#include "sim/tcp_link.hpp"

namespace narrowgate::sim {

inline nlohmann::json to_json(const LinkCounts& counts) {
    return {{"carried", counts.carried},
            {"lost", counts.lost},
            {"duplicated", counts.duplicated},
            {"reordered", counts.reordered},
            {"oversized", counts.oversized}};
}

inline nlohmann::json to_json(const NatCounts& counts) {
    return {{"mappings", counts.mappings},
            {"timed_out", counts.timed_out},
            {"rebound", counts.rebound},
            {"reused", counts.reused},
            {"no_port", counts.no_port},
            {"unroutable", counts.unroutable},
            {"filtered", counts.filtered},
            {"captured", counts.captured},
            {"replayed", counts.replayed},
            {"spoofed", counts.spoofed},
            {"replays_answered", counts.replays_answered},
            {"replays_answered_again", counts.replays_answered_again}};
}

inline nlohmann::json to_json(const ModemCounts& counts) {
    return {{"commands", counts.commands},    {"errors", counts.errors},
            {"garbage", counts.garbage},      {"urcs", counts.urcs},
            {"urcs_lost", counts.urcs_lost},  {"answers_lost", counts.answers_lost},
            {"starts", counts.starts},        {"connections", counts.connections},
            {"sleeps", counts.sleeps},        {"up", counts.up},
            {"up_bytes", counts.up_bytes},    {"down", counts.down},
            {"down_bytes", counts.down_bytes}};
}

inline nlohmann::json to_json(const NonceAuditCounts& counts) {
    return {{"datagrams", counts.datagrams},           {"records_up", counts.records_up},
            {"records_down", counts.records_down},     {"sessions_up", counts.sessions_up},
            {"sessions_down", counts.sessions_down},   {"repetitions", counts.repetitions},
            {"plaintext", counts.plaintext},           {"replays", counts.replays},
            {"unattributable", counts.unattributable}, {"unreadable", counts.unreadable},
            {"foreign_nonces", counts.foreign_nonces}, {"collisions", counts.collisions}};
}

inline nlohmann::json to_json(const StreamCounts& counts) {
    return {{"came", counts.came},
            {"passed", counts.passed},
            {"pieces", counts.pieces},
            {"swallowed", counts.swallowed},
            {"accidents", counts.accidents}};
}

inline nlohmann::json to_json(const TcpLinkCounts& counts) {
    return {{"accepted", counts.accepted},
            {"refused", counts.refused},
            {"up", to_json(counts.up)},
            {"down", to_json(counts.down)}};
}

// Reasons are written "0x97".
inline nlohmann::json to_json(const std::map<std::uint8_t, std::uint64_t>& by_reason) {
    nlohmann::json json = nlohmann::json::object();
    for (const auto& [reason, count] : by_reason)
        json[fmt::format("0x{:02X}", reason)] = count;
    return json;
}

inline nlohmann::json to_json(const AwsCounts& counts) {
    nlohmann::json json{{"connections", counts.connections},
                        {"connects_too_fast", counts.connects_too_fast},
                        {"taken_over", counts.taken_over},
                        {"publishes", counts.publishes},
                        {"taken", counts.taken},
                        {"discarded", counts.discarded},
                        {"duplicates", counts.duplicates},
                        {"aliased", counts.aliased},
                        {"unanswered", counts.unanswered},
                        {"delayed", counts.delayed},
                        {"early", counts.early},
                        {"pings", counts.pings},
                        {"bytes", counts.bytes},
                        {"metered_units", counts.metered_units},
                        {"largest_unacknowledged", counts.largest_unacknowledged},
                        {"largest_second", counts.largest_second},
                        {"largest_second_bytes", counts.largest_second_bytes},
                        {"shortest_connect_interval_ms", nullptr},
                        {"answers", to_json(counts.answers)},
                        {"disconnects", to_json(counts.disconnects)},
                        {"closed", counts.closed}};
    if (counts.shortest_connect_interval)
        json["shortest_connect_interval_ms"] = counts.shortest_connect_interval->count();
    return json;
}

}  // namespace narrowgate::sim
