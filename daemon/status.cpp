// SPDX-License-Identifier: Apache-2.0
#include "daemon/status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "daemon/commands/table.hpp"

namespace narrowgate::daemon {
namespace {

std::string bytes_text(std::uint64_t bytes) {
    static constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string ago(WallTime now, const std::optional<WallTime>& then) {
    if (!then) return "-";
    return to_words(std::chrono::floor<seconds>(std::max(now - *then, WallTime::duration::zero())));
}

std::string waits_on(const GatewayStatus& status) {
    const UpstreamState* worst = nullptr;
    for (const UpstreamState& upstream : status.upstreams)
        if (worst == nullptr || upstream.waiting_bytes > worst->waiting_bytes) worst = &upstream;
    if (worst == nullptr || worst->waiting_bytes == 0) return "";
    return fmt::format(" Most of it waits for {}.", worst->name);
}

std::string state_of(const UpstreamState& upstream) {
    if (upstream.paused) return "paused";
    return upstream.connected ? "connected" : "down";
}

}  // namespace

Health health_of(const GatewayStatus& status) {
    const StoreState& store = status.store;
    if (store.disk_full) {
        return {false, "The disk is full: readings are refused until there is room. Sessions are safe." +
                           waits_on(status)};
    }
    if (store.full) {
        return {false,
                fmt::format("The store is full ({} of {}): readings are refused or dropped.{}",
                            bytes_text(store.waiting_bytes), bytes_text(store.max_bytes), waits_on(status))};
    }
    for (const UpstreamState& upstream : status.upstreams) {
        if (upstream.connected && !upstream.paused) continue;
        return {false, fmt::format("Upstream {} is {} for {}: {}; {} readings wait for it.", upstream.name,
                                   state_of(upstream), ago(status.now, upstream.since),
                                   upstream.trouble.empty() ? "connecting" : printable(upstream.trouble),
                                   upstream.waiting_readings)};
    }
    for (const UpstreamState& upstream : status.upstreams) {
        if (!upstream.backlog_full) continue;
        return {false, fmt::format("The backlog of upstream {} is full: {} wait.", upstream.name,
                                   bytes_text(upstream.waiting_bytes))};
    }
    if (store.over_age) {
        return {false, fmt::format("The oldest reading has waited for {}, longer than max_age.{}",
                                   ago(status.now, store.oldest), waits_on(status))};
    }
    return {true, "All is well."};
}

std::string to_text(const GatewayStatus& status) {
    const UplinkCounts& uplink = status.uplink;
    const StoreState& store = status.store;
    std::string text = health_of(status).sentence + "\n\n";
    text += render_table({
        {"gateway", fmt::format("{}, narrowgate {}, up {}", status.gateway, status.version,
                                ago(status.now, status.started))},
        {"listening", fmt::format("{}", fmt::join(status.listening, ", "))},
        {"nodes", fmt::format("{} devices, {} sessions, {} handshakes in progress", status.devices,
                              status.sessions, status.handshakes_in_progress)},
        {"readings",
         fmt::format("{:.1f} a minute; since start {} stored, {} refused, {} repeats recognised",
                     status.readings_per_minute, uplink.readings, uplink.refused, uplink.duplicates)},
        {"handshakes",
         fmt::format("since start {} completed, {} failed", uplink.handshakes, uplink.handshakes_failed)},
        {"dropped", fmt::format("{} records that had no effect", uplink.records_dropped)},
        {"store", fmt::format("{} readings wait, {} of {}, oldest {}; last commit {}, longest {}",
                              store.waiting_readings, bytes_text(store.waiting_bytes),
                              bytes_text(store.max_bytes), ago(status.now, store.oldest),
                              to_words(store.last_commit), to_words(store.longest_commit))},
    });
    std::vector<std::vector<std::string>> rows{
        {"UPSTREAM", "STATE", "SINCE", "WAITING", "OLDEST", "DELIVERED", "REFUSED", "RECONNECTS"}};
    for (const UpstreamState& upstream : status.upstreams) {
        rows.push_back({upstream.name, state_of(upstream), ago(status.now, upstream.since),
                        fmt::format("{} ({})", upstream.waiting_readings, bytes_text(upstream.waiting_bytes)),
                        ago(status.now, upstream.oldest), std::to_string(upstream.delivered),
                        std::to_string(upstream.dead_letters), std::to_string(upstream.reconnects)});
    }
    text += '\n' + render_table(rows);
    for (const UpstreamState& upstream : status.upstreams) {
        if (!upstream.trouble.empty())
            text += fmt::format("{}: {}\n", upstream.name, printable(upstream.trouble));
    }
    return text;
}

}  // namespace narrowgate::daemon
