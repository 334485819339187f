// SPDX-License-Identifier: Apache-2.0
//
// What shows a running gateway live, over its API: `narrowgate tail` and `narrowgate top`.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <ostream>

#include "daemon/commands/event_stream.hpp"
#include "daemon/commands/invocation.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/status.hpp"
#include "narrowgate/ops/http_client.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

// A live view says something every 15 s at least.
constexpr seconds kSilence{40};
// ECMA-48: the cursor goes home, and what is behind it is cleared.
constexpr std::string_view kClearScreen = "\x1b[H\x1b[J";

struct WatchArguments {
    std::uint64_t count = 0;  // 0: until it is stopped
    std::string fleet;
    std::string device;
};

ExitCode follow(const Invocation& invocation, const std::string& target, EventStream::Take take) {
    auto gateway = read_gateway_options(invocation.config_file);
    if (!gateway) return invocation.fail(gateway.error());
    bool wanted = true;
    EventStream events([&](std::string_view event, std::string_view data) {
        wanted = take(event, data);
        return wanted;
    });
    const auto ended =
        ops::HttpClient(gateway->api_socket(), kSilence).stream(target, [&](std::string_view piece) {
            return events.feed(piece);
        });
    if (!wanted) return ExitCode::kOk;
    if (!ended) return invocation.fail(ended.error().error, ExitCode::kNotRunning);
    if (ended->status != 200) {
        const json said = json::parse(ended->body, nullptr, false);
        const json& error = said.is_object() && said.contains("error") ? said["error"] : json();
        return invocation.fail(Error{error.is_string() ? error.get<std::string>() : "the gateway refuses",
                                     "end another live view first"},
                               ExitCode::kFailed);
    }
    return invocation.fail(Error{"the gateway has ended", "it shows more when it runs again"},
                           ExitCode::kNotRunning);
}

std::string value_of(const json& record) {
    for (const char* const name : {"v", "vs", "vb", "vd", "s"}) {
        if (!record.contains(name)) continue;
        const json& value = record[name];
        return value.is_string() ? value.get<std::string>() : value.dump();
    }
    return "-";
}

// What a person reads first: names without what the device's own name stands in, and their values.
std::string content_of(const json& reading) {
    if (!reading.contains("senml")) {
        for (const char* const name : {"text", "value", "base64"}) {
            if (!reading.contains(name)) continue;
            const json& value = reading[name];
            return value.is_string() ? value.get<std::string>() : value.dump();
        }
        return "";
    }
    std::string content;
    const auto device = reading.at("device").get<std::string>();
    for (const json& record : reading["senml"]) {
        std::string name = record.value("n", "");
        if (const auto at = name.find(device); at != std::string::npos) name.erase(0, at + device.size());
        name.erase(0, name.find_first_not_of(":/_-"));
        if (!content.empty()) content += ", ";
        content += fmt::format("{}{}{}", name, name.empty() ? "" : " ", value_of(record));
        if (record.contains("u")) content += " " + record.value("u", "");
    }
    return content;
}

ExitCode tail(const Invocation& invocation, const WatchArguments& arguments) {
    std::string target = "/v1/tail?fleet=" + ops::url_encoded(arguments.fleet) +
                         "&device=" + ops::url_encoded(arguments.device);
    std::uint64_t shown = 0;
    return follow(invocation, target, [&](std::string_view event, std::string_view data) {
        std::ostream& out = invocation.console.out;
        if (event == "skipped") {
            invocation.console.err << "narrowgate: " << data
                                   << " readings came faster than this can show them\n";
            return true;
        }
        const json reading = json::parse(data, nullptr, false);
        if (event != "reading" || !reading.is_object()) return true;
        if (invocation.json) {
            out << data << '\n' << std::flush;
        } else {
            out << fmt::format("{}  {}  {}  {}\n", reading.value("received", ""),
                               printable(reading.value("device", "")),
                               printable(reading.value("resource", "")), printable(content_of(reading)))
                << std::flush;
        }
        return arguments.count == 0 || ++shown < arguments.count;
    });
}

ExitCode top(const Invocation& invocation, const WatchArguments& arguments) {
    const bool on_a_terminal = isatty(STDOUT_FILENO) == 1;
    std::uint64_t shown = 0;
    return follow(invocation, "/v1/events", [&](std::string_view event, std::string_view data) {
        if (event != "status") return true;
        std::ostream& out = invocation.console.out;
        const json value = json::parse(data, nullptr, false);
        if (invocation.json) {
            out << data << '\n' << std::flush;
        } else if (const auto status = status_from_json(value)) {
            out << (on_a_terminal ? kClearScreen : shown == 0 ? "" : "\n") << to_text(*status) << std::flush;
        }
        return arguments.count == 0 || ++shown < arguments.count;
    });
}

Command add_live_command(const Command& app, Invocation& invocation,
                         const std::shared_ptr<WatchArguments>& arguments, const std::string& name,
                         const std::string& help,
                         ExitCode (*action)(const Invocation&, const WatchArguments&)) {
    const Command command = app.add_subcommand(name, help);
    add_config_option(command, invocation);
    add_json_option(command, invocation);
    command.add_option("--count", arguments->count, "End after so many")
        .type_name("COUNT")
        .between(1, 1'000'000'000);
    command.callback([&invocation, arguments, action] {
        invocation.action = [&invocation, arguments, action] { return action(invocation, *arguments); };
    });
    return command;
}

}  // namespace

void add_watch_commands(const Command& app, Invocation& invocation) {
    const auto arguments = std::make_shared<WatchArguments>();
    Command command = add_live_command(app, invocation, arguments, "tail", "Readings as they arrive", tail);
    command.add_option("--fleet", arguments->fleet, "Of this fleet alone").type_name("FLEET");
    command.add_option("--device", arguments->device, "Of this device alone, by its name")
        .type_name("DEVICE");
    command.footer(
        "Each reading once it is on disk, a line each; with --json as upstreams get it, without its id. What "
        "it\n"
        "shows is of no consequence for what becomes of a reading.\n"
        "\n"
        "Exit codes: 0 it has shown --count readings; 3 the gateway does not run, or has ended.\n");
    command = add_live_command(app, invocation, arguments, "top", "The status, live", top);
    command.footer(
        "The screen of narrowgate status, anew every two seconds, until Ctrl-C.\n"
        "\n"
        "Exit codes: 0 it has shown --count of them; 3 the gateway does not run, or has ended.\n");
}

}  // namespace narrowgate::daemon
