// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate support`: one file for who is to help, with no secret in it.
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/device_pages.hpp"
#include "daemon/commands/invocation.hpp"
#include "daemon/commands/support_facts.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/control/client.hpp"
#include "daemon/version.hpp"
#include "narrowgate/ops/http_client.hpp"
#include "narrowgate/store/copies.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

constexpr seconds kCheckPatience{10};

struct SupportArguments {
    bool with_names = false;
    std::filesystem::path folder{"."};
};

std::string folder_stamp_of(WallTime now) {
    std::string stamp = to_rfc3339(now).substr(0, 19);
    std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
    return stamp + "Z";
}

// Whether the gateway answers.
bool add_answer(SupportBundle& bundle, const Invocation& invocation, const std::string& name,
                std::string_view call, const json& arguments) {
    const auto answer = call_daemon(invocation, call, arguments);
    if (!answer) {
        bundle.leave_out(name, answer.error().error.what);
        return false;
    }
    bundle.add({.name = name, .text = answer->dump(2) + '\n'});
    return true;
}

void add_running(SupportBundle& bundle, const Invocation& invocation, const GatewayOptions& gateway,
                 const Config* config) {
    if (!add_answer(bundle, invocation, "status.json", "status", json::object())) {
        bundle.leave_out("metrics.txt, sessions.json, store.json, replays.json, traces",
                         "the gateway does not run, or does not answer");
        return;
    }
    if (const auto metrics = ops::HttpClient(gateway.api_socket()).get("/metrics"); metrics) {
        bundle.add({.name = "metrics.txt", .text = metrics->body});
    } else {
        bundle.leave_out("metrics.txt", metrics.error().error.what);
    }
    add_answer(bundle, invocation, "sessions.json", "sessions.list", {{"count", 100}});
    add_answer(bundle, invocation, "store.json", "store.show", {{"count", 50}});
    add_answer(bundle, invocation, "replays.json", "replay.list", json::object());
    if (config == nullptr) return;
    for (const UpstreamConfig& upstream : config->upstreams) {
        const std::string& name = upstream.connection.name;
        add_answer(bundle, invocation, "traces-" + name + ".json", "upstream.traces", {{"upstream", name}});
    }
}

void add_store_facts(SupportBundle& bundle, const Config& config) {
    const auto facts = store::examine(config.store, kCheckPatience);
    if (!facts) {
        bundle.leave_out("store.txt", facts.error().what);
        return;
    }
    bundle.add({.name = "store.txt",
                .text = fmt::format("format version: {}\nfile: {} bytes, {} of them free\nlog: {} bytes\n"
                                    "journal pages: {}\nquick check: {}\n",
                                    facts->version, facts->bytes, facts->free_bytes, facts->log_bytes,
                                    facts->pages, facts->check)});
}

// Names and identities of all devices, so that others can stand for them. False when they are not known.
bool add_names(Scrubber& scrubber, const Invocation& invocation) {
    const auto listed = for_each_device(invocation, [&scrubber](const json& device) {
        scrubber.add_name(device.at("name").get<std::string>());
        for (const json& credential : device.at("credentials"))
            scrubber.add_name(credential.at("identity").get<std::string>());
    });
    return listed.has_value();
}

ExitCode support(const Invocation& invocation, const SupportArguments& arguments) {
    const auto gateway = read_gateway_options(invocation.config_file);
    const auto config = read_config(invocation.config_file);
    const std::string gateway_name = gateway ? gateway->name : "unknown";
    const std::string name =
        fmt::format("narrowgate-support-{}-{}", gateway_name, folder_stamp_of(invocation.clock.now().wall));
    const auto path = arguments.folder / (name + ".tar.gz");
    // As the user that typed it; the store's owner comes last.
    auto file = OutputFile::make(path);
    if (!file) return invocation.fail(file.error());

    SupportBundle bundle;
    Scrubber scrubber;
    const auto state = gateway ? gateway->state_directory : std::filesystem::path();
    add_known_secrets(scrubber, state, config ? &*config : nullptr);
    bundle.add({.name = "version.txt",
                .text = fmt::format("narrowgate {}\nmade {}\nnames of devices: {}\n", kVersion,
                                    to_rfc3339(invocation.clock.now().wall),
                                    arguments.with_names ? "as they are" : "others stand for them")});
    const auto fleets = gateway ? gateway->fleets_directory
                                : std::filesystem::path(invocation.config_file).parent_path() / "fleets.d";
    add_configuration(bundle, invocation.config_file, fleets);
    if (!config) {
        std::string mistakes;
        for (const Mistake& mistake : config.error())
            mistakes += mistake.text() + '\n';
        bundle.add({.name = "mistakes.txt", .text = std::move(mistakes)});
    } else {
        add_certificates(bundle, *config);
        add_store_facts(bundle, *config);
    }
    add_system_facts(bundle, state);
    if (gateway) add_running(bundle, invocation, *gateway, config ? &*config : nullptr);

    add_service_facts(bundle);
    // The last, since it may become the store's owner.
    if (!arguments.with_names && !(config && add_names(scrubber, invocation))) {
        bundle.take_out("journal.txt",
                        "the names of devices could not be read, and nothing can stand for them; run the "
                        "command as root, or add --with-names");
    }
    bundle.scrub(scrubber);
    if (auto written = bundle.write(name, *file); !written) return invocation.fail(written.error());
    if (invocation.json) {
        json parts = json::array();
        for (const auto& part : bundle.parts())
            parts.push_back({{"name", part.name}, {"bytes", part.text.size()}, {"cut", part.cut}});
        return invocation.print({{"file", path.string()}, {"parts", std::move(parts)}});
    }
    invocation.console.out << fmt::format(
        "{}\n\n{}\n"
        "Keys, passwords and tokens are removed{}. Fleets, topics, names of hosts and addresses are as they\n"
        "are. Look into the file before you send it: tar --list --verbose --file {}\n",
        path.string(), bundle.manifest(),
        arguments.with_names ? "; names of devices are as they are"
                             : ", other names stand for those of devices",
        path.string());
    return ExitCode::kOk;
}

}  // namespace

void add_support_command(const Command& app, Invocation& invocation) {
    const auto arguments = std::make_shared<SupportArguments>();
    const Command command =
        app.add_subcommand("support", "Put all that helps to find a fault into one file, without secrets");
    add_config_option(command, invocation);
    command.add_option("--to", arguments->folder, "The folder for it")
        .type_name("FOLDER")
        .capture_default_str();
    command.add_flag("--with-names", arguments->with_names, "Leave the names of devices as they are");
    add_json_option(command, invocation);
    command.footer(
        "Makes narrowgate-support-GATEWAY-TIME.tar.gz, for its owner alone: version, configuration, status,\n"
        "metrics, traces of upstreams, the last sessions, facts of the store with a quick check, of\n"
        "certificates and of the machine, the unit's state and its journal of two hours. Works while the\n"
        "gateway is down too. Each part is cut at a size; MANIFEST says what is in it and what is not. Run "
        "it\n"
        "as root: others see less.\n"
        "\n"
        "Example:\n"
        "  narrowgate support --to /tmp\n");
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return support(invocation, *arguments); };
    });
}

}  // namespace narrowgate::daemon
