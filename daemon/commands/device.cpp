// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/device_arguments.hpp"
#include "daemon/commands/device_pages.hpp"
#include "daemon/commands/secret_file.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/control/calls.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

// A control request holds the file as a JSON string, in which every line end takes two bytes.
constexpr std::size_t kMaxImportBytes = kMaxControlRequestBytes / 2;

ExitCode add(const Invocation& invocation, const DeviceArguments& arguments) {
    if (arguments.generate == !arguments.file.empty()) {
        return invocation.fail(Error{"exactly one of --psk-file and --generate is needed",
                                     "name a file that holds the key in hexadecimal, or let one be made"},
                               ExitCode::kUsage);
    }
    json call{{"identity", arguments.device}, {"fleet", arguments.fleet}};
    if (const auto set = set_validity(call, arguments); !set)
        return invocation.fail(set.error(), ExitCode::kUsage);
    auto read = read_or_generate_key(invocation, arguments);
    if (!read) return invocation.fail(read.error());
    const Secret key = *std::move(read);
    call["psk"] = text_of(key.view());
    if (!arguments.name.empty()) call["name"] = arguments.name;
    const auto result = call_daemon_or_store(invocation, "device.add", call);
    wipe_text(call["psk"].get_ref<std::string&>());
    if (!result) return result.error().tell(invocation);

    if (invocation.json) {
        json answer{{"identity", arguments.device}, {"fleet", arguments.fleet}};
        if (arguments.generate) answer["psk_hex"] = text_of(key.view());
        return invocation.print(answer);
    }
    invocation.console.out << fmt::format("{} is now a device of fleet {}.\n", arguments.device,
                                          arguments.fleet);
    if (arguments.generate) {
        invocation.console.out << fmt::format(
            "Its key, in hexadecimal, to be put into the node and kept secret:\n{}\n", text_of(key.view()));
    }
    return ExitCode::kOk;
}

ExitCode import_file(const Invocation& invocation, const DeviceArguments& arguments) {
    auto csv = read_secret_file(arguments.file, invocation.console.in, kMaxImportBytes);
    if (!csv) return invocation.fail(csv.error());
    if (!is_utf8(csv->view()))
        return invocation.fail(Error{arguments.file.string() + " is no UTF-8 text", "save it as UTF-8"});
    json call{{"csv", text_of(csv->view())}, {"dry_run", arguments.dry_run}};
    const auto result = call_daemon_or_store(invocation, "device.import", call);
    wipe_text(call["csv"].get_ref<std::string&>());
    if (!result) return result.error().tell(invocation);

    const bool refused = !result->at("mistakes").empty();
    if (invocation.json) {
        invocation.print(*result);
        return refused ? ExitCode::kFailed : ExitCode::kOk;
    }
    for (const json& mistake : result->at("mistakes")) {
        invocation.console.err << fmt::format(
            "{}:{}: {}; {}\n", arguments.file.string(), mistake.at("line").get<std::size_t>(),
            mistake.at("what").get<std::string>(), mistake.at("cure").get<std::string>());
    }
    if (refused)
        return invocation.fail(Error{"nothing was imported", "correct these lines and import again"});
    if (arguments.dry_run) {
        for (const json& identity : result->at("added"))
            invocation.console.out << "+ " << identity.get<std::string>() << '\n';
        for (const json& identity : result->at("changed"))
            invocation.console.out << "~ " << identity.get<std::string>() << '\n';
    }
    invocation.console.out << fmt::format("{}{} added, {} changed, {} unchanged.\n",
                                          arguments.dry_run ? "Would be: " : "", result->at("added").size(),
                                          result->at("changed").size(), result->at("unchanged").size());
    return ExitCode::kOk;
}

std::string device_state(const json& revoked) {
    return revoked.is_null() ? "active" : "revoked " + revoked.get<std::string>();
}

ExitCode list(const Invocation& invocation) {
    json devices = json::array();
    const auto listed =
        for_each_device(invocation, [&devices](json&& device) { devices.push_back(std::move(device)); });
    if (!listed) return listed.error().tell(invocation);
    if (invocation.json) return invocation.print(devices);
    std::vector<std::vector<std::string>> rows{{"DEVICE", "FLEET", "CREDENTIALS", "STATE"}};
    for (const json& device : devices) {
        std::size_t active = 0;
        for (const json& credential : device.at("credentials"))
            active += credential.at("revoked").is_null() ? 1U : 0U;
        rows.push_back({device.at("name").get<std::string>(), device.at("fleet").get<std::string>(),
                        std::to_string(active), device_state(device.at("revoked"))});
    }
    invocation.console.out << render_table(rows);
    return ExitCode::kOk;
}

ExitCode export_table(const Invocation& invocation, const DeviceArguments& arguments) {
    json call{{"with_keys", arguments.with_keys}};
    auto result = call_daemon_or_store(invocation, "device.export", call);
    if (!result) return result.error().tell(invocation);
    auto& csv = result->at("csv").get_ref<std::string&>();
    invocation.console.out << csv;
    wipe_text(csv);
    return ExitCode::kOk;
}

constexpr const char* kAddFooter =
    "IDENTITY is the PSK identity that the node sends: 1 to 128 bytes of UTF-8 without control characters.\n"
    "The key is 16 to 64 bytes, in hexadecimal. It never stands on the command line, where every user of "
    "the\n"
    "machine could read it.\n"
    "\n"
    "Examples:\n"
    "  narrowgate device add wm-0001 --fleet water-meters --generate\n"
    "  narrowgate device add wm-0001 --fleet water-meters --psk-file wm-0001.psk\n"
    "  vault read ... | narrowgate device add wm-0001 --fleet water-meters --psk-file -\n"
    "\n"
    "A second identity with the --name of a known device is a further credential of that device; both work\n"
    "for good. To replace one by the next, see `device rotate`. A credential opens sessions from "
    "--valid-from\n"
    "until --valid-until; a session that it opened goes on after that: `device revoke` ends it.\n";
constexpr const char* kImportFooter =
    "FILE has a device a line, with or without this heading:\n"
    "  identity,fleet,psk_hex[,name]\n"
    "Every line is imported, or none: each line that is wrong is named. A known identity with another key "
    "or\n"
    "fleet is changed, and its session ends. FILE holds keys: it must be readable by its owner alone.\n"
    "\n"
    "Examples:\n"
    "  narrowgate device import --dry-run meters.csv       what would change: + added, ~ changed\n"
    "  narrowgate device import meters.csv\n";

}  // namespace

void add_device_command(const Command& app, Invocation& invocation) {
    const Command device = app.add_subcommand("device", "Say which nodes may connect");
    device.require_subcommand(1);
    device.footer(
        "A running daemon carries these out at once, with no restart. When none runs, the store is opened\n"
        "itself, as the owner of the state directory.\n");
    const auto arguments = std::make_shared<DeviceArguments>();

    Command command = add_device_subcommand(device, invocation, arguments, "add", "Let a node connect", add);
    command.add_option("identity", arguments->device, "The node's PSK identity")
        .required()
        .type_name("IDENTITY");
    command.add_option("--fleet", arguments->fleet, "The fleet that it belongs to")
        .required()
        .type_name("NAME");
    command.add_option("--psk-file", arguments->file, "File with its key in hexadecimal; - is standard input")
        .type_name("FILE");
    command.add_flag("--generate", arguments->generate, "Make a random key of 16 bytes and print it");
    command.add_option("--name", arguments->name, "The device's name; the identity when not given")
        .type_name("NAME");
    add_validity_options(command, *arguments);
    add_json_option(command, invocation);
    command.footer(kAddFooter);

    command =
        add_device_subcommand(device, invocation, arguments, "import", "Let many nodes connect", import_file);
    command.add_option("file", arguments->file, "CSV file; - is standard input").required().type_name("FILE");
    command.add_flag("--dry-run", arguments->dry_run, "Change nothing; show what would be");
    add_json_option(command, invocation);
    command.footer(kImportFooter);

    command = add_device_subcommand(device, invocation, arguments, "list", "Every device",
                                    [](const Invocation& its, const DeviceArguments&) { return list(its); });
    add_json_option(command, invocation);
    command.footer(
        "A line for each device, revoked ones too, with the number of its valid credentials. Shows no key.\n"
        "\n"
        "For scripts: narrowgate device list --json | jq '.[] | select(.revoked == null) | .name'\n");

    add_device_show_command(device, invocation, arguments);
    add_device_life_commands(device, invocation, arguments);

    command = add_device_subcommand(device, invocation, arguments, "export", "Devices as CSV", export_table);
    command.add_flag("--with-keys", arguments->with_keys, "With the keys, as `import` reads it");
    command.footer(
        "Writes every credential that is not revoked to standard output.\n"
        "\n"
        "Example, with a file that others cannot read:\n"
        "  (umask 077; narrowgate device export --with-keys > devices.csv)\n");
}

}  // namespace narrowgate::daemon
