// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/json_words.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/config/units.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

ExitCode show(const Invocation& invocation, std::size_t count) {
    json call{{"count", count}};
    const auto result = call_daemon_or_store(invocation, "store.show", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    const json& store = *result;
    std::ostream& out = invocation.console.out;
    out << render_table(
        {{"store", text(store.at("uuid"))},
         {"sessions", text(store.at("sessions"))},
         {"devices", text(store.at("devices"))},
         {"readings waiting",
          fmt::format("{}, {} of {}, oldest {}", text(store.at("readings_waiting")),
                      size(store.at("bytes_waiting")), size(store.at("max_size")), text(store.at("oldest")))},
         {"retained", fmt::format("{}, {}, since {}", text(store.at("retained_readings")),
                                  size(store.at("retained_bytes")), text(store.at("retained_since")))},
         {"damaged rows", text(store.at("bad_rows"))}});
    std::vector<std::vector<std::string>> rows{{"UPSTREAM", "WAITING", "SIZE", "OLDEST"}};
    for (const json& upstream : store.at("upstreams")) {
        rows.push_back({text(upstream.at("name")), text(upstream.at("waiting_readings")),
                        size(upstream.at("waiting_bytes")), text(upstream.at("oldest"))});
    }
    out << '\n' << render_table(rows);
    rows = {{"LAST READINGS", "RECEIVED", "DEVICE", "RESOURCE", "BYTES", "FOR"}};
    for (const json& reading : store.at("last")) {
        rows.push_back({text(reading.at("id")), text(reading.at("received")), text(reading.at("device")),
                        text(reading.at("resource")), text(reading.at("bytes")),
                        joined(reading.at("upstreams"), ",")});
    }
    out << '\n' << render_table(rows);
    rows = {{"DEAD LETTERS", "AT", "UPSTREAM", "DEVICE", "REASON"}};
    for (const json& letter : store.at("dead_letters")) {
        rows.push_back({text(letter.at("reading").at("id")), text(letter.at("at")),
                        text(letter.at("upstream")), text(letter.at("reading").at("device")),
                        text(letter.at("reason"))});
    }
    if (rows.size() > 1) out << '\n' << render_table(rows);
    return ExitCode::kOk;
}

}  // namespace

void add_store_command(const Command& app, Invocation& invocation) {
    const Command store = app.add_subcommand("store", "Look into the store");
    store.require_subcommand(1);
    store.footer("Looking changes nothing, whether a daemon runs or not.\n");
    const Command command = store.add_subcommand("show", "What is in it and who waits for what");
    const auto count = std::make_shared<std::size_t>(10);
    add_config_option(command, invocation);
    command.add_option("--last", *count, "How many readings and dead letters to show, up to 1000")
        .type_name("COUNT")
        .between(0, 1000)
        .capture_default_str();
    add_json_option(command, invocation);
    command.footer(
        "Asks the running daemon, or opens the store itself when none runs. Shows no key and no payload.\n"
        "A dead letter is a reading that an upstream refused for good.\n");
    command.callback([&invocation, count] {
        invocation.action = [&invocation, count] { return show(invocation, *count); };
    });
}

}  // namespace narrowgate::daemon
