// SPDX-License-Identifier: Apache-2.0
#include "daemon/status.hpp"

#include <ostream>

#include "daemon/commands/invocation.hpp"

namespace narrowgate::daemon {
namespace {

ExitCode status(const Invocation& invocation) {
    const auto result = call_daemon(invocation, "status", nlohmann::json::object());
    if (!result) return result.error().tell(invocation);
    if (invocation.json) return invocation.print(*result);
    const auto read = status_from_json(*result);
    if (!read) return invocation.fail(read.error());
    invocation.console.out << to_text(*read);
    return ExitCode::kOk;
}

}  // namespace

void add_status_command(const Command& app, Invocation& invocation) {
    const Command command = app.add_subcommand("status", "How the gateway is doing");
    add_config_option(command, invocation);
    add_json_option(command, invocation);
    command.footer(
        "Asks the running daemon. The first line is its health in a sentence: what is wrong first, if\n"
        "anything is. Then sessions, rates, the store, and each upstream with what waits for it.\n"
        "\n"
        "For scripts: narrowgate status --json | jq .well\n"
        "\n"
        "Exit codes: 0 it answered, well or not; 3 it does not run or cannot be reached.\n");
    command.callback([&invocation] { invocation.action = [&invocation] { return status(invocation); }; });
}

}  // namespace narrowgate::daemon
