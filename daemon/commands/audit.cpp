// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate audit`: who changed what.
#include <memory>
#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/table.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

ExitCode audit(const Invocation& invocation, std::size_t count) {
    json call{{"count", count}};
    const auto result = call_daemon_or_store(invocation, "audit", call);
    if (!result) return result.error().tell(invocation);
    const json& entries = result->at("entries");
    if (invocation.json) return invocation.print(entries);
    std::vector<std::vector<std::string>> rows{{"AT", "WHO", "WHAT", "TO WHOM", ""}};
    for (const json& entry : entries) {
        std::vector<std::string> row;
        for (const char* field : {"at", "actor", "action", "subject", "detail"})
            row.push_back(printable(entry.at(field).get<std::string>()));
        rows.push_back(std::move(row));
    }
    invocation.console.out << render_table(rows);
    return ExitCode::kOk;
}

}  // namespace

void add_audit_command(const Command& app, Invocation& invocation) {
    const Command command = app.add_subcommand("audit", "Who changed what about devices and sessions");
    const auto count = std::make_shared<std::size_t>(20);
    add_config_option(command, invocation);
    command.add_option("--last", *count, "How many changes to show")
        .type_name("COUNT")
        .between(1, 100'000)
        .capture_default_str();
    add_json_option(command, invocation);
    command.footer(
        "Newest first. Each change is written by the same commit as what it changed. WHO is the user that\n"
        "asked, as the kernel knows it; \"gateway\" is the daemon by itself, as when a rotation is "
        "complete.\n"
        "The last 100000 are kept.\n");
    command.callback([&invocation, count] {
        invocation.action = [&invocation, count] { return audit(invocation, *count); };
    });
}

}  // namespace narrowgate::daemon
