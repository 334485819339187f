// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate fleets`: each fleet, and those of its devices that need somebody.
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/json_words.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

struct FleetsArguments {
    std::string fleet;
    std::uint64_t count = 20;
    bool silent = false;
    bool costly = false;
};

std::string duration(const json& count) {
    return count.is_null() ? "-" : to_words(seconds(count.get<std::int64_t>()));
}

std::string money(const json& amount, const json& currency) {
    return fmt::format("{:.2f} {}", amount.get<double>(), text(currency));
}

std::string share(const json& part) {
    return part.is_null() ? "-" : fmt::format("{:.0f} %", 100 * part.get<double>());
}

Rows fleet_rows(const json& fleets) {
    Rows rows{{"FLEET", "DEVICES", "SILENT", "NEVER HEARD", "REPORTS EVERY", "UP", "DOWN", "READINGS", "COST",
               "OVER TARIFF"}};
    for (const json& fleet : fleets) {
        const json& tariff = fleet.at("tariff");
        rows.push_back({text(fleet.at("name")), text(fleet.at("devices")), text(fleet.at("silent")),
                        text(fleet.at("never_heard")), duration(fleet.at("report_interval_s")),
                        size(fleet.at("bytes_up")), size(fleet.at("bytes_down")), text(fleet.at("readings")),
                        tariff.is_null() ? "-" : money(tariff.at("cost"), tariff.at("currency")),
                        tariff.is_null() ? "-" : text(fleet.at("over_tariff"))});
    }
    return rows;
}

Rows silent_rows(const json& devices) {
    Rows rows{{"DEVICE", "FLEET", "LAST HEARD", "SILENT FOR", "MISSED", "ONE EVERY"}};
    for (const json& device : devices) {
        rows.push_back({text(device.at("device")), text(device.at("fleet")), text(device.at("last_heard")),
                        duration(device.at("silent_seconds")), text(device.at("missed")),
                        duration(device.at("interval_s"))});
    }
    return rows;
}

Rows costly_rows(const json& devices) {
    Rows rows{{"DEVICE", "FLEET", "ON AIR", "OF INCLUDED", "FORECAST", "COST"}};
    for (const json& device : devices) {
        rows.push_back({text(device.at("device")), text(device.at("fleet")), size(device.at("bytes_on_air")),
                        share(device.at("share")), size(device.at("forecast_bytes")),
                        money(device.at("cost"), device.at("currency"))});
    }
    return rows;
}

ExitCode list_devices(const Invocation& invocation, const FleetsArguments& arguments) {
    json call{{"count", arguments.count}};
    if (!arguments.fleet.empty()) call["fleet"] = arguments.fleet;
    const auto result = call_daemon(invocation, arguments.silent ? "devices.silent" : "devices.costly", call);
    if (!result) return result.error().tell(invocation);
    const json& devices = result->at("devices");
    if (invocation.json) return invocation.print(devices);
    if (devices.empty()) {
        invocation.console.out << (arguments.silent ? "No device is silent.\n"
                                                    : "No device will use more than its tariff includes.\n");
        return ExitCode::kOk;
    }
    invocation.console.out << render_table(arguments.silent ? silent_rows(devices) : costly_rows(devices));
    return ExitCode::kOk;
}

ExitCode fleets(const Invocation& invocation, const FleetsArguments& arguments) {
    if (arguments.silent || arguments.costly) return list_devices(invocation, arguments);
    const auto result = call_daemon(invocation, "fleets", json::object());
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    std::ostream& out = invocation.console.out;
    out << render_table(fleet_rows(result->at("fleets")))
        << fmt::format("\nBytes, readings and cost are of {}, UTC.\n", text(result->at("month")));
    for (const json& fleet : result->at("fleets")) {
        if (fleet.at("fell_together").get<bool>()) {
            out << fmt::format(
                "{}: most devices fell silent together; that looks like the network or this gateway.\n",
                text(fleet.at("name")));
        }
        if (const auto count = fleet.at("will_exceed").get<std::uint64_t>(); count != 0) {
            out << fmt::format(
                "{}: {} will use more than the tariff includes if the month goes on like this.\n",
                text(fleet.at("name")), counted(count, "device"));
        }
    }
    return ExitCode::kOk;
}

}  // namespace

void add_fleets_command(const Command& app, Invocation& invocation) {
    const Command command = app.add_subcommand("fleets", "Each fleet: who is silent, what the month costs");
    const auto arguments = std::make_shared<FleetsArguments>();
    Option silent =
        command.add_flag("--silent", arguments->silent, "The devices that have missed their reports");
    Option costly = command.add_flag("--costly", arguments->costly,
                                     "The devices that will use more than their tariff includes");
    silent.excludes(costly);
    command.add_option("--fleet", arguments->fleet, "With a list: of this fleet alone").type_name("NAME");
    command.add_option("--count", arguments->count, "With a list: how many devices to show, up to 1000")
        .type_name("COUNT")
        .between(0, 1000)
        .capture_default_str();
    add_config_option(command, invocation);
    add_json_option(command, invocation);
    command.footer(
        "Asks the running daemon. A device is silent when it has missed fleet.missed_reports of its reports; "
        "that\n"
        "takes report_interval in its fleet's file, or an interval of its own (narrowgate device interval). "
        "Bytes\n"
        "are of UDP payload; cost and the lists go by bytes on air, with the overhead that the tariff "
        "names.\n"
        "\n"
        "Examples:\n"
        "  narrowgate fleets\n"
        "  narrowgate fleets --silent --fleet water-meters\n"
        "  narrowgate fleets --costly --json | jq -r '.[].device'\n"
        "\n"
        "Exit codes: 0 it answered; 3 it does not run or cannot be reached.\n");
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return fleets(invocation, *arguments); };
    });
}

}  // namespace narrowgate::daemon
