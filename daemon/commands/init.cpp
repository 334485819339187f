// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate init`: a new gateway's files, its sealing key and its first device.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ostream>

#include "daemon/commands/device_arguments.hpp"
#include "daemon/commands/init_arguments.hpp"
#include "daemon/commands/new_gateway_files.hpp"
#include "daemon/control/calls.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using std::filesystem::path;

bool names_a_broker(const InitArguments& arguments) {
    return std::ranges::any_of(arguments.hosts, [](const auto& host) { return !host.second.empty(); });
}

NewGateway gateway_of(const InitArguments& arguments, bool for_the_service) {
    NewGateway gateway{.name = arguments.name.empty() ? host_name() : arguments.name,
                       .fleet = arguments.fleet.empty() ? std::string(kDefaultFleet) : arguments.fleet,
                       .listen = arguments.listen,
                       .state_directory = "/var/lib/narrowgate",
                       .runtime_directory = "/run/narrowgate",
                       .upstreams = {}};
    if (!for_the_service) {
        gateway.state_directory = std::filesystem::absolute(arguments.directory / "state");
        gateway.runtime_directory = std::filesystem::absolute(arguments.directory / "run");
    }
    for (const Cloud& cloud : clouds()) {
        const auto host = arguments.hosts.find(cloud.option);
        if (host != arguments.hosts.end() && !host->second.empty())
            gateway.upstreams.push_back({.cloud = &cloud, .host = host->second});
    }
    return gateway;
}

// What no TOML parser would say well.
std::optional<Error> problem_of(const NewGateway& gateway, std::string_view device) {
    std::vector<std::pair<std::string_view, std::string_view>> words = {
        {"the gateway's name", gateway.name},
        {"the fleet's name", gateway.fleet},
        {"the address to listen on", gateway.listen},
        {"the state directory", gateway.state_directory.native()},
        {"the node's identity", device}};
    for (const NewGateway::Upstream& upstream : gateway.upstreams)
        words.emplace_back("the broker's host", upstream.host);
    for (const auto& [what, word] : words)
        if (auto problem = problem_of_word(what, word)) return problem;
    return std::nullopt;
}

ExitCode init(const Invocation& invocation, InitArguments arguments) {
    const Console& console = invocation.console;
    arguments.directory = arguments.directory.lexically_normal();
    const path file = arguments.directory / "narrowgate.toml";
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(file, ignored))) {
        return invocation.fail(
            Error{file.string() + " is there already, and is not overwritten",
                  "edit it, or move it away; `narrowgate check` says what is wrong with it"});
    }
    if (!names_a_broker(arguments) && !ask_for_the_rest(console, arguments)) {
        console.out << '\n';
        return invocation.fail(Error{"there is nobody to answer", "name a broker: --aws, --pelion or --mqtt"},
                               ExitCode::kUsage);
    }
    if (!names_a_broker(arguments))
        return invocation.fail(Error{"a gateway needs a broker", "name one: --aws, --pelion or --mqtt"},
                               ExitCode::kUsage);

    const bool for_the_service = arguments.directory == path(kDefaultConfigFile).parent_path();
    const NewGateway gateway = gateway_of(arguments, for_the_service);
    const std::string device = arguments.device.empty() ? gateway.fleet + "-0001" : arguments.device;
    if (const auto problem = problem_of(gateway, device)) return invocation.fail(*problem, ExitCode::kUsage);
    const std::array fleets = {fleet_text(gateway)};
    if (const auto config = parse_config(gateway_text(gateway), fleets); !config)
        return invocation.fail(config.error());
    const auto tls = read_tls_files(console, arguments);
    if (!tls) return invocation.fail(tls.error());
    const auto owner = owner_of_state(for_the_service);
    if (!owner) return invocation.fail(owner.error());

    NewFiles files;
    if (const auto written = write_files(gateway, *tls, arguments.directory, *owner, files); !written)
        return invocation.fail(written.error());
    files.keep();

    // The store makes its sealing key when it is opened for the first time.
    Invocation with_file = invocation;
    with_file.config_file = file;
    const Secret key = generate_key();
    json call{{"identity", device}, {"fleet", gateway.fleet}, {"psk", text_of(key.view())}};
    const auto added = call_daemon_or_store(with_file, "device.add", call);
    wipe_text(call["psk"].get_ref<std::string&>());
    if (!added) {
        console.err << fmt::format("narrowgate: {} is written, but its first device could not be added\n",
                                   file.string());
        return added.error().tell(invocation);
    }

    const auto missing = missing_files(gateway, *tls, arguments.directory, for_the_service);
    const std::string config = for_the_service ? "" : fmt::format(" --config {}", file.string());
    const std::array<std::string, 3> next = {
        "narrowgate check" + config,
        for_the_service ? "systemctl enable --now narrowgate" : "narrowgate run" + config,
        "narrowgate status" + config};
    if (invocation.json) {
        return invocation.print({{"file", file.string()},
                                 {"fleet_file", (arguments.directory / gateway.fleet_file()).string()},
                                 {"identity", device},
                                 {"psk_hex", text_of(key.view())},
                                 {"missing", missing},
                                 {"next", next}});
    }
    std::ostream& out = console.out;
    out << fmt::format(
        "{} and {} are written.\n"
        "{} is the first device of fleet {}. Its key, in hexadecimal, to be put into the node and kept\n"
        "secret:\n{}\n"
        "The store is sealed under {}: keep a copy in another place.\n",
        file.string(), gateway.fleet_file(), device, gateway.fleet, text_of(key.view()),
        (gateway.state_directory / "state.key").string());
    if (!missing.empty()) {
        out << "\nStill missing, from whoever runs the broker:\n";
        for (const std::string& line : missing)
            out << "  " << line << '\n';
    }
    out << "\nNext:\n";
    for (const std::string& line : next)
        out << "  " << line << '\n';
    return ExitCode::kOk;
}

constexpr const char* kInitFooter =
    "With no broker named it asks for what it needs. Nothing is overwritten: with one of the files there it\n"
    "stops, and leaves nothing behind. In /etc/narrowgate the files are for the service; in any other\n"
    "DIRECTORY they are a gateway of its own, with its state in it, for a trial as any user. Roots for AWS\n"
    "are taken from Debian's ca-certificates when --aws-ca names none.\n"
    "\n"
    "Examples:\n"
    "  narrowgate init\n"
    "  narrowgate init --aws PREFIX-ats.iot.eu-central-1.amazonaws.com --fleet water-meters \\\n"
    "      --certificate gw-1.crt --key gw-1.key\n"
    "  narrowgate init --mqtt localhost --mqtt-ca ca.pem --certificate gw-1.crt --key gw-1.key \\\n"
    "      --directory ./trial\n";

}  // namespace

void add_init_command(const Command& app, Invocation& invocation) {
    const Command command = app.add_subcommand("init", "Write the configuration of a new gateway");
    const auto arguments = std::make_shared<InitArguments>();
    for (const Cloud& cloud : clouds()) {
        const std::string option(cloud.option);
        command.add_option(option, arguments->hosts[cloud.option], std::string(cloud.question))
            .type_name("HOST");
        command
            .add_option(option + "-ca", arguments->ca_files[cloud.option],
                        "File with the roots that may vouch for that broker")
            .type_name("FILE");
    }
    command.add_option("--certificate", arguments->certificate_file, "File with the gateway's certificate")
        .type_name("FILE");
    command.add_option("--key", arguments->key_file, "File with its key, readable by its owner alone")
        .type_name("FILE");
    command.add_option("--name", arguments->name, "The gateway's name; this machine's when not given")
        .type_name("NAME");
    command
        .add_option("--fleet", arguments->fleet,
                    fmt::format("Name of the first fleet; {} when not given", kDefaultFleet))
        .type_name("NAME");
    command
        .add_option("--device", arguments->device,
                    "PSK identity of its first node; NAME-0001 of the fleet when not given")
        .type_name("IDENTITY");
    command.add_option("--listen", arguments->listen, "UDP address for nodes")
        .type_name("ADDRESS")
        .capture_default_str();
    command.add_option("--directory", arguments->directory, "Where the files go")
        .type_name("DIRECTORY")
        .capture_default_str();
    add_json_option(command, invocation);
    command.footer(kInitFooter);
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return init(invocation, *arguments); };
    });
}

}  // namespace narrowgate::daemon
