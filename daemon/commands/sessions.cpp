// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate sessions list` and `forget`.
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "daemon/commands/json_words.hpp"
#include "daemon/commands/session_moves.hpp"
#include "daemon/commands/table.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

struct SessionsArguments {
    std::size_t count = 20;
    std::string device;
    bool all = false;
    bool yes = false;
};

ExitCode list(const Invocation& invocation, const SessionsArguments& arguments) {
    json call{{"count", arguments.count}};
    const auto result = call_daemon_or_store(invocation, "sessions.list", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    std::ostream& out = invocation.console.out;
    out << render_table(
        {{"this gateway", text(result->at("instance"))}, {"sessions", text(result->at("sessions"))}});
    std::vector<std::vector<std::string>> rows{
        {"DEVICE", "SINCE", "LAST SEEN", "ADDRESS", "CONNECTION ID", "USED"}};
    for (const json& session : result->at("last")) {
        const auto cid = session.at("cid").get<std::string>();
        rows.push_back({text(session.at("device")), text(session.at("established")),
                        text(session.at("last_seen")), text(session.at("remote")), cid.empty() ? "-" : cid,
                        session.at("confirmed").get<bool>() ? "yes" : "not yet"});
    }
    if (rows.size() > 1) out << '\n' << render_table(rows);
    rows = {{"EXPORT", "MADE", "SESSIONS", "FOR GATEWAY"}};
    for (const json& info : result->at("exports")) {
        rows.push_back({text(info.at("id")), text(info.at("made")), text(info.at("sessions")),
                        text(info.at("destination"))});
    }
    if (rows.size() > 1) out << '\n' << render_table(rows);
    return ExitCode::kOk;
}

ExitCode forget(const Invocation& invocation, const SessionsArguments& arguments) {
    if (arguments.all != arguments.device.empty()) {
        return invocation.fail(Error{"exactly one of a device and --all is needed",
                                     "name the device whose session ends, or end every session with --all"},
                               ExitCode::kUsage);
    }
    if (arguments.all && !arguments.yes) {
        return invocation.fail(
            Error{"every node would have to shake hands again", "add --yes if that is meant"},
            ExitCode::kUsage);
    }
    json call = arguments.all ? json{{"all", true}} : json{{"device", arguments.device}};
    const auto result = call_daemon_or_store(invocation, "sessions.forget", call);
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    const auto count = result->at("sessions").get<std::uint64_t>();
    invocation.console.out << fmt::format("{} forgotten{}.\n", counted(count, "session"),
                                          count == 0 ? "" : ": each node shakes hands when it sends next");
    return ExitCode::kOk;
}

Command add_subcommand(const Command& sessions, Invocation& invocation,
                       const std::shared_ptr<SessionsArguments>& arguments, const std::string& name,
                       const std::string& description,
                       ExitCode (*action)(const Invocation&, const SessionsArguments&)) {
    Command command = sessions.add_subcommand(name, description);
    add_config_option(command, invocation);
    add_json_option(command, invocation);
    command.callback([&invocation, arguments, action] {
        invocation.action = [&invocation, arguments, action] { return action(invocation, *arguments); };
    });
    return command;
}

void add_count_option(const Command& command, SessionsArguments& arguments) {
    command.add_option("--last", arguments.count, "How many sessions to show, up to 1000")
        .type_name("COUNT")
        .between(0, 1000)
        .capture_default_str();
}

}  // namespace

void add_sessions_command(const Command& app, Invocation& invocation) {
    const Command sessions = app.add_subcommand("sessions", "Look at sessions, end them, move them");
    const auto arguments = std::make_shared<SessionsArguments>();
    add_config_option(sessions, invocation);
    add_json_option(sessions, invocation);
    add_count_option(sessions, *arguments);
    sessions.callback_when_alone([&invocation, arguments] {
        invocation.action = [&invocation, arguments] { return list(invocation, *arguments); };
    });
    sessions.footer("Alone it is the same as `sessions list`.\n");
    Command command =
        add_subcommand(sessions, invocation, arguments, "list", "Those heard last, and exports kept", list);
    add_count_option(command, *arguments);
    command.footer(
        "Asks the running daemon, or opens the store itself when none runs. What it shows is up to a minute\n"
        "old; `narrowgate device show` has a device's session as it is now.\n");

    command = add_subcommand(sessions, invocation, arguments, "forget", "End sessions for good", forget);
    command.add_option("device", arguments->device, "Whose: its name or an identity").type_name("DEVICE");
    command.add_flag("--all", arguments->all, "Every session");
    command.add_flag("--yes", arguments->yes, "With --all: without asking");
    command.footer(
        "They end at once, in the running gateway and on disk. Nodes are told nothing: each shakes hands "
        "when\n"
        "it finds that nobody answers. Credentials stay valid; `device revoke` shuts a device out.\n"
        "\n"
        "Use --all after the disk was rolled back to a snapshot, with the gateway stopped, before it "
        "starts:\n"
        "numbers of records that were used since must not be used again.\n");
    add_session_moves(sessions, invocation);
}

}  // namespace narrowgate::daemon
