// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/status.hpp"

namespace narrowgate::daemon {
namespace {

std::string connection_of(const UpstreamState& upstream) {
    if (!upstream.connected) return "not connected";
    return upstream.paused ? "paused" : "connected";
}

std::string lag_of(const UpstreamState& upstream, WallTime now) {
    if (!upstream.oldest || *upstream.oldest >= now) return "-";
    return fmt::format("{} s", std::chrono::duration_cast<seconds>(now - *upstream.oldest).count());
}

ExitCode upstreams(const Invocation& invocation) {
    const auto result = call_daemon(invocation, "status", nlohmann::json::object());
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(result->at("upstreams"));
    const auto status = status_from_json(*result);
    if (!status) return invocation.fail(status.error());
    std::vector<std::vector<std::string>> rows{{"UPSTREAM", "STATE", "WAITING", "BEHIND", "DELIVERED",
                                                "DEAD LETTERS", "UNITS OF 5 KB", "CERTIFICATE"}};
    for (const UpstreamState& one : status->upstreams) {
        rows.push_back({one.name, connection_of(one), std::to_string(one.waiting_readings),
                        lag_of(one, status->now), std::to_string(one.delivered),
                        std::to_string(one.dead_letters), std::to_string(one.metered_units),
                        one.certificate_expires
                            ? counted(static_cast<std::uint64_t>(std::max<std::int64_t>(
                                          days_left(status->now, *one.certificate_expires), 0)),
                                      "day")
                            : "-"});
    }
    std::ostream& out = invocation.console.out;
    out << render_table(rows);
    for (const UpstreamState& one : status->upstreams) {
        if (!one.trouble.empty()) out << '\n' << one.name << ": " << printable(one.trouble) << '\n';
    }
    return ExitCode::kOk;
}

}  // namespace

void add_upstreams_command(const Command& app, Invocation& invocation) {
    const Command command = app.add_subcommand("upstreams", "Each upstream, and what waits for it");
    add_config_option(command, invocation);
    add_json_option(command, invocation);
    command.footer(
        "Asks the running daemon. What is wrong with an upstream stands below; narrowgate diagnose upstream "
        "has\n"
        "the details.\n"
        "\n"
        "Exit codes: 0 it answered; 3 it does not run or cannot be reached.\n");
    command.callback([&invocation] { invocation.action = [&invocation] { return upstreams(invocation); }; });
}

}  // namespace narrowgate::daemon
