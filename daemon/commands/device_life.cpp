// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate device rotate`, `revoke` and `interval`.
#include <fmt/format.h>

#include <ostream>

#include "daemon/commands/device_arguments.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"
#include "daemon/control/calls.hpp"
#include "daemon/devices/device_csv.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

ExitCode take_back(const Invocation& invocation, const DeviceArguments& arguments) {
    json call{{"device", arguments.device}};
    const auto result = call_daemon_or_store(invocation, "device.rotate_back", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    invocation.console.out << fmt::format(
        "The rotation is taken back: {} is revoked, and the credential before it goes on.\n",
        result->at("identity").get<std::string>());
    return ExitCode::kOk;
}

ExitCode rotate(const Invocation& invocation, const DeviceArguments& arguments) {
    if (arguments.cancel) return take_back(invocation, arguments);
    json call{{"device", arguments.device}};
    if (!arguments.identity.empty()) call["identity"] = arguments.identity;
    if (const auto set = set_validity(call, arguments); !set)
        return invocation.fail(set.error(), ExitCode::kUsage);
    auto key = read_or_generate_key(invocation, arguments);
    if (!key) return invocation.fail(key.error());
    call["psk"] = text_of(key->view());
    const auto result = call_daemon_or_store(invocation, "device.rotate", call);
    wipe_text(call["psk"].get_ref<std::string&>());
    if (!result) return result.error().tell(invocation);

    const bool generated = arguments.file.empty();
    if (invocation.json) {
        json answer = *result;
        if (generated) answer["psk_hex"] = text_of(key->view());
        const ExitCode code = invocation.print(answer);
        if (generated) wipe_text(answer["psk_hex"].get_ref<std::string&>());
        return code;
    }
    const auto identity = result->at("identity").get<std::string>();
    std::ostream& out = invocation.console.out;
    out << fmt::format(
        "{} has a next credential, {}. Both work until the node has used the new one; then {} is retired.\n",
        result->at("device").get<std::string>(), identity,
        result->at("replaces").is_null() ? "the old one" : result->at("replaces").get<std::string>());
    if (!generated) return ExitCode::kOk;
    store::CredentialRow row;
    row.identity = identity;
    row.device = result->at("device").get<std::string>();
    row.fleet = result->at("fleet").get<std::string>();
    auto bytes = from_hex(text_of(key->view()));
    if (bytes) row.psk = Secret(*std::move(bytes));
    std::string csv = write_device_csv({&row, 1}, true);
    out << "To be put into the node and kept secret; it is not shown again:\n" << csv;
    wipe_text(csv);
    return ExitCode::kOk;
}

ExitCode revoke(const Invocation& invocation, const DeviceArguments& arguments) {
    if (arguments.device.empty() == arguments.identity.empty()) {
        return invocation.fail(
            Error{"exactly one of a device and --credential is needed",
                  "name the device to shut it out, or one credential of it with --credential IDENTITY"},
            ExitCode::kUsage);
    }
    if (!arguments.identity.empty()) {
        json call{{"identity", arguments.identity}};
        const auto result = call_daemon_or_store(invocation, "device.revoke_credential", call);
        if (!result) return result.error().tell(invocation);
        if (invocation.json) return invocation.print(json{{"credentials", 1}});
        invocation.console.out << fmt::format("{} is revoked: its key opens no session any more.\n",
                                              arguments.identity);
        return ExitCode::kOk;
    }
    json call{{"device", arguments.device}};
    const auto result = call_daemon_or_store(invocation, "device.revoke", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    invocation.console.out << fmt::format("{} is revoked: its keys open no session any more.\n",
                                          arguments.device);
    return ExitCode::kOk;
}

ExitCode set_interval(const Invocation& invocation, const DeviceArguments& arguments) {
    if (arguments.interval.empty() != arguments.as_fleet) {
        return invocation.fail(Error{"exactly one of an interval and --fleet is needed",
                                     "say how often the device reports, or take that back with --fleet"},
                               ExitCode::kUsage);
    }
    json call{{"device", arguments.device}};
    if (!arguments.as_fleet) {
        const auto interval = parse_duration(arguments.interval);
        if (!interval || *interval % seconds(1) != milliseconds(0) ||
            *interval < store::kLeastReportInterval || *interval > store::kMostReportInterval) {
            return invocation.fail(
                Error{fmt::format("\"{}\" is no report interval", printable(arguments.interval)),
                      "write 1s to 31d, such as 15m, 1h or 1d"},
                ExitCode::kUsage);
        }
        call["seconds"] = static_cast<std::uint64_t>(std::chrono::duration_cast<seconds>(*interval).count());
    }
    const auto result = call_daemon_or_store(invocation, "device.interval", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    const auto device = printable(result->at("device").get<std::string>());
    if (arguments.as_fleet) {
        invocation.console.out << fmt::format("{} reports as often as its fleet does.\n", device);
    } else {
        invocation.console.out << fmt::format("A report of {} is expected every {}.\n", device,
                                              arguments.interval);
    }
    return ExitCode::kOk;
}

constexpr const char* kIntervalFooter =
    "INTERVAL is 1s to 31d: 15m, 1h, 1d. A device that has missed as many reports as its fleet's "
    "missed_reports\n"
    "says is silent: the log tells, and narrowgate fleets --silent lists it. Without an interval of its own "
    "it\n"
    "goes by report_interval of its fleet, where the fleet's file has one.\n"
    "\n"
    "Examples:\n"
    "  narrowgate device interval wm-0001 1h\n"
    "  narrowgate device interval wm-0001 --fleet\n";

constexpr const char* kRotateFooter =
    "The device gets a next credential beside the one in use: a new identity (wm-0001, then wm-0001#2, …)\n"
    "and a new key, which are printed once, as `device import` reads them. Provision the node with both.\n"
    "When its first message under them has been authenticated, the old credential is retired by itself and\n"
    "its session ends. Until then the node goes on as before, and --cancel takes the new one back.\n"
    "\n"
    "Examples:\n"
    "  narrowgate device rotate wm-0001\n"
    "  narrowgate device rotate wm-0001 --psk-file new.psk --valid-from 2026-03-01\n"
    "  narrowgate device rotate wm-0001 --cancel\n";

}  // namespace

void add_device_life_commands(const Command& device, Invocation& invocation,
                              const std::shared_ptr<DeviceArguments>& arguments) {
    Command command = add_device_subcommand(device, invocation, arguments, "rotate",
                                            "Give a device its next credential", rotate);
    command.add_option("device", arguments->device, "Its name or an identity").required().type_name("DEVICE");
    command.add_option("--identity", arguments->identity, "The new identity; the next #number when not given")
        .type_name("NEW");
    command
        .add_option("--psk-file", arguments->file,
                    "File with the new key in hexadecimal; - is standard input. A random one when not given")
        .type_name("FILE");
    add_validity_options(command, *arguments);
    Option cancel = command.add_flag("--cancel", arguments->cancel,
                                     "Take back the credential that waits for its first use");
    for (const char* other : {"--identity", "--psk-file", "--valid-from", "--valid-until"})
        cancel.excludes(command.get_option(other));
    add_json_option(command, invocation);
    command.footer(kRotateFooter);

    command =
        add_device_subcommand(device, invocation, arguments, "revoke", "Shut a device out for good", revoke);
    command.add_option("device", arguments->device, "Its name or an identity").type_name("DEVICE");
    command.add_option("--credential", arguments->identity, "One credential alone, by its identity")
        .type_name("IDENTITY");
    add_json_option(command, invocation);
    command.footer(
        "All its keys become invalid and a live session of it ends at once. Its readings that wait for\n"
        "upstreams are still delivered. `device add` with another key lets it in again.\n"
        "With --credential the device goes on with its other credentials, if it has any.\n");

    command = add_device_subcommand(device, invocation, arguments, "interval",
                                    "Say how often a device reports", set_interval);
    command.add_option("device", arguments->device, "Its name or an identity").required().type_name("DEVICE");
    command.add_option("interval", arguments->interval, "How often").type_name("INTERVAL");
    command.add_flag("--fleet", arguments->as_fleet, "As often as its fleet does");
    add_json_option(command, invocation);
    command.footer(kIntervalFooter);
}

}  // namespace narrowgate::daemon
