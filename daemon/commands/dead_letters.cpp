// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate dead-letters`: what upstreams refused for good, and what is to become of it.
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/json_words.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/config.hpp"
#include "daemon/config/units.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

struct DeadLetterArguments {
    std::string upstream;
    std::uint64_t id = 0;
    bool all = false;
    std::size_t count = 100;
};

// Why nothing was found, when that is because no upstream has this name. One that was removed from the
// configuration may have left letters: only where there are none is this asked.
std::optional<Error> misnamed(const Invocation& invocation, const std::string& name) {
    const auto config = read_config(invocation.config_file);
    if (name.empty() || !config || config->upstream(name) != nullptr) return std::nullopt;
    std::vector<std::string_view> names;
    names.reserve(config->upstreams.size());
    for (const UpstreamConfig& upstream : config->upstreams)
        names.emplace_back(upstream.connection.name);
    const auto meant = nearest(name, names);
    return Error{fmt::format("there is no upstream \"{}\", and no dead letter of one", printable(name)),
                 meant ? fmt::format("did you mean \"{}\"?", *meant)
                       : "name one of the [[upstream]] tables of the configuration"};
}

ExitCode list(const Invocation& invocation, const DeadLetterArguments& arguments) {
    json call{{"count", arguments.count}, {"upstream", arguments.upstream}};
    const auto result = call_daemon_or_store(invocation, "dead_letters.list", call);
    if (!result) return result.error().tell(invocation);
    const json& letters = result->at("letters");
    if (letters.empty()) {
        if (const auto why = misnamed(invocation, arguments.upstream)) return invocation.fail(*why);
    }
    if (invocation.json) return invocation.print(letters);
    if (letters.empty()) {
        invocation.console.out << "There are no dead letters.\n";
        return ExitCode::kOk;
    }
    std::vector<std::vector<std::string>> rows{{"ID", "AT", "UPSTREAM", "READING", "DEVICE", "", "REASON"}};
    for (const json& letter : letters) {
        const json& reading = letter.at("reading");
        rows.push_back({text(letter.at("id")), text(letter.at("at")), text(letter.at("upstream")),
                        text(reading.at("id")), text(reading.at("device")),
                        letter.at("retried").is_null() ? "" : "to be sent again", text(letter.at("reason"))});
    }
    invocation.console.out << render_table(rows);
    return ExitCode::kOk;
}

ExitCode change(const Invocation& invocation, const DeadLetterArguments& arguments, std::string_view what) {
    json call{{"upstream", arguments.upstream}};
    if (arguments.all) call["all"] = true;
    if (arguments.id != 0) call["id"] = arguments.id;
    const auto result = call_daemon_or_store(invocation, fmt::format("dead_letters.{}", what), call);
    if (!result && result.error().code == ExitCode::kFailed) {
        if (const auto why = misnamed(invocation, arguments.upstream)) return invocation.fail(*why);
    }
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    const auto readings = result->at("readings").get<std::uint64_t>();
    invocation.console.out << fmt::format(
        "{} {}\n", counted(readings, "reading"),
        what == "drop"  ? "deleted for good."
        : readings == 1 ? "waits for its upstream again, under the id that it had."
                        : "wait for their upstreams again, under the ids that they had.");
    return ExitCode::kOk;
}

void add_change(const Command& letters, Invocation& invocation, const char* name, const char* help,
                const char* footer) {
    const auto arguments = std::make_shared<DeadLetterArguments>();
    const Command command = letters.add_subcommand(name, help);
    add_config_option(command, invocation);
    command.add_option("--upstream", arguments->upstream, "Those of one upstream alone").type_name("NAME");
    const Command which = command.add_choice("Which");
    which.add_option("--id", arguments->id, "One, by its id")
        .type_name("ID")
        .between(1, std::numeric_limits<std::uint64_t>::max());
    which.add_flag("--all", arguments->all, "All of them");
    add_json_option(command, invocation);
    command.footer(footer);
    command.callback([&invocation, arguments, name] {
        invocation.action = [&invocation, arguments, name] { return change(invocation, *arguments, name); };
    });
}

}  // namespace

void add_dead_letters_command(const Command& app, Invocation& invocation) {
    const Command letters = app.add_subcommand("dead-letters", "Readings that an upstream refused for good");
    letters.require_subcommand(1);
    letters.footer(
        "A reading becomes a dead letter when its upstream takes other readings but never this one; it is\n"
        "kept until a person decides. On a running gateway or on a stopped one's store.\n");

    const auto arguments = std::make_shared<DeadLetterArguments>();
    const Command command = letters.add_subcommand("list", "Show them, the newest first");
    add_config_option(command, invocation);
    command.add_option("--upstream", arguments->upstream, "Those of one upstream alone").type_name("NAME");
    command.add_option("--last", arguments->count, "How many to show")
        .type_name("COUNT")
        .between(1, 100'000)
        .capture_default_str();
    add_json_option(command, invocation);
    command.footer(
        "REASON says what the upstream answered. Shows no payload. At most store.max_dead_letters are kept;\n"
        "beyond them the oldest go.\n");
    command.callback([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return list(invocation, *arguments); };
    });

    add_change(letters, invocation, "retry", "Send them again",
               "Correct first what the reason names: a policy, a topic, a limit. Each reading goes to its\n"
               "upstream behind what is new, under the id that it had, and its dead letter is gone once the\n"
               "upstream has taken it; refused again it is a dead letter again. The audit trail notes it.\n"
               "\n"
               "Example:\n"
               "  narrowgate dead-letters retry --upstream aws --all\n");
    add_change(letters, invocation, "drop", "Delete them for good",
               "The readings are lost for that upstream; the audit trail notes who did it.\n"
               "\n"
               "Example:\n"
               "  narrowgate dead-letters drop --id 12\n");
}

}  // namespace narrowgate::daemon
