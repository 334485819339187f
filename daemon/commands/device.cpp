// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/secret_file.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/control/calls.hpp"
#include "narrowgate/base/crypto.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

// 16 bytes: as strong as the AES-128 of the cipher suites.
constexpr std::size_t kGeneratedPskBytes = 16;
constexpr std::size_t kMaxPskFileBytes = 4096;
// A control request holds the file as a JSON string, in which every line end takes two bytes.
constexpr std::size_t kMaxImportBytes = kMaxControlRequestBytes / 2;

struct DeviceArguments {
    std::string device;
    std::string fleet;
    std::string name;
    std::filesystem::path file;
    bool generate = false;
    bool dry_run = false;
    bool with_keys = false;
};

ExitCode add(const Invocation& invocation, const DeviceArguments& arguments) {
    if (arguments.generate == !arguments.file.empty()) {
        return invocation.fail(Error{"exactly one of --psk-file and --generate is needed",
                                     "name a file that holds the key in hexadecimal, or let one be made"},
                               ExitCode::kUsage);
    }
    Secret key;
    if (arguments.generate) {
        Bytes random(kGeneratedPskBytes);
        crypto::fill_random(random);
        std::string digits = to_hex(random);
        wipe(random);
        key = Secret(bytes_of(digits));
        wipe_text(digits);
    } else {
        auto read = read_secret_file(arguments.file, invocation.console.in, kMaxPskFileBytes);
        if (!read) return invocation.fail(read.error());
        key = *std::move(read);
    }
    json call{{"identity", arguments.device}, {"fleet", arguments.fleet}, {"psk", text_of(key.view())}};
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

std::string state_of(const json& revoked) {
    return revoked.is_null() ? "active" : "revoked " + revoked.get<std::string>();
}

ExitCode list(const Invocation& invocation) {
    json call = json::object();
    const auto result = call_daemon_or_store(invocation, "device.list", call);
    if (!result) return result.error().tell(invocation);
    const json& devices = result->at("devices");
    if (invocation.json) return invocation.print(devices);
    std::vector<std::vector<std::string>> rows{{"DEVICE", "FLEET", "CREDENTIALS", "STATE"}};
    for (const json& device : devices) {
        std::size_t active = 0;
        for (const json& credential : device.at("credentials"))
            active += credential.at("revoked").is_null() ? 1U : 0U;
        rows.push_back({device.at("name").get<std::string>(), device.at("fleet").get<std::string>(),
                        std::to_string(active), state_of(device.at("revoked"))});
    }
    invocation.console.out << render_table(rows);
    return ExitCode::kOk;
}

ExitCode show(const Invocation& invocation, const DeviceArguments& arguments) {
    json call{{"device", arguments.device}};
    const auto result = call_daemon_or_store(invocation, "device.show", call);
    if (!result) return result.error().tell(invocation);
    const json& device = result->at("device");
    if (invocation.json) return invocation.print(device);
    std::vector<std::vector<std::string>> rows{
        {"device", device.at("name").get<std::string>()},
        {"fleet", device.at("fleet").get<std::string>()},
        {"added", device.at("added").get<std::string>()},
        {"state", state_of(device.at("revoked"))},
    };
    for (const json& credential : device.at("credentials")) {
        rows.push_back(
            {"credential",
             fmt::format("{}, added {}, {}", credential.at("identity").get<std::string>(),
                         credential.at("added").get<std::string>(), state_of(credential.at("revoked")))});
    }
    invocation.console.out << render_table(rows);
    return ExitCode::kOk;
}

ExitCode revoke(const Invocation& invocation, const DeviceArguments& arguments) {
    json call{{"device", arguments.device}};
    const auto result = call_daemon_or_store(invocation, "device.revoke", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    invocation.console.out << fmt::format("{} is revoked: its keys open no session any more.\n",
                                          arguments.device);
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

using Command = ExitCode (*)(const Invocation&, const DeviceArguments&);

CLI::App* add_command(CLI::App& device, Invocation& invocation, std::shared_ptr<DeviceArguments> arguments,
                      const std::string& name, const std::string& description, Command command) {
    CLI::App* sub = device.add_subcommand(name, description);
    add_config_option(*sub, invocation);
    sub->callback([&invocation, arguments, command] {
        invocation.action = [&invocation, arguments, command] { return command(invocation, *arguments); };
    });
    return sub;
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
    "A second identity with the --name of a known device is a further key of that device (rotation); both\n"
    "work. `device revoke` shuts the device out with all its keys.\n";
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

void add_device_command(CLI::App& app, Invocation& invocation) {
    CLI::App* device = app.add_subcommand("device", "Say which nodes may connect");
    device->require_subcommand(1);
    device->footer(
        "A running daemon carries these out at once, with no restart. When none runs, the store is opened\n"
        "itself, as the owner of the state directory.\n");
    const auto arguments = std::make_shared<DeviceArguments>();

    CLI::App* command = add_command(*device, invocation, arguments, "add", "Let a node connect", add);
    command->add_option("identity", arguments->device, "The node's PSK identity")
        ->required()
        ->type_name("IDENTITY");
    command->add_option("--fleet", arguments->fleet, "The fleet that it belongs to")
        ->required()
        ->type_name("NAME");
    command
        ->add_option("--psk-file", arguments->file, "File with its key in hexadecimal; - is standard input")
        ->type_name("FILE");
    command->add_flag("--generate", arguments->generate, "Make a random key of 16 bytes and print it");
    command->add_option("--name", arguments->name, "The device's name; the identity when not given")
        ->type_name("NAME");
    add_json_option(*command, invocation);
    command->footer(kAddFooter);

    command = add_command(*device, invocation, arguments, "import", "Let many nodes connect", import_file);
    command->add_option("file", arguments->file, "CSV file; - is standard input")
        ->required()
        ->type_name("FILE");
    command->add_flag("--dry-run", arguments->dry_run, "Change nothing; show what would be");
    add_json_option(*command, invocation);
    command->footer(kImportFooter);

    command = add_command(*device, invocation, arguments, "list", "Every device",
                          [](const Invocation& its, const DeviceArguments&) { return list(its); });
    add_json_option(*command, invocation);
    command->footer(
        "A line for each device, revoked ones too, with the number of its valid credentials. Shows no key.\n"
        "\n"
        "For scripts: narrowgate device list --json | jq '.[] | select(.revoked == null) | .name'\n");

    command = add_command(*device, invocation, arguments, "show", "One device and its credentials", show);
    command->add_option("device", arguments->device, "Its name or an identity")
        ->required()
        ->type_name("DEVICE");
    add_json_option(*command, invocation);

    command->footer("Every credential with the time when it was added and, if so, revoked. Shows no key.\n");

    command = add_command(*device, invocation, arguments, "revoke", "Shut a device out for good", revoke);
    command->add_option("device", arguments->device, "Its name or an identity")
        ->required()
        ->type_name("DEVICE");
    add_json_option(*command, invocation);
    command->footer(
        "All its keys become invalid and a live session of it ends at once. Its readings that wait for\n"
        "upstreams are still delivered. `device add` with another key lets it in again.\n");

    command = add_command(*device, invocation, arguments, "export", "Devices as CSV", export_table);
    command->add_flag("--with-keys", arguments->with_keys, "With the keys, as `import` reads it");
    command->footer(
        "Writes every credential that is not revoked to standard output.\n"
        "\n"
        "Example, with a file that others cannot read:\n"
        "  (umask 077; narrowgate device export --with-keys > devices.csv)\n");
}

}  // namespace narrowgate::daemon
