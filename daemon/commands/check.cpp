// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/owner.hpp"

namespace narrowgate::daemon {
namespace {

// Root sees with the eyes of the daemon's user. Who may not become that user looks for himself: what he
// cannot reach are mistakes with their cures.
Expected<void> see_as_the_daemon(const Invocation& invocation) {
    const auto gateway = read_gateway_options(invocation.config_file);
    return gateway && geteuid() == 0 ? become_owner_of(gateway->state_directory) : Expected<void>();
}

nlohmann::json list_of(const Mistakes& mistakes) {
    nlohmann::json list = nlohmann::json::array();
    for (const Mistake& mistake : mistakes) {
        list.push_back({{"file", mistake.file},
                        {"line", mistake.line},
                        {"column", mistake.column},
                        {"what", mistake.what},
                        {"cure", mistake.cure}});
    }
    return list;
}

ExitCode check(const Invocation& invocation) {
    if (const auto seen = see_as_the_daemon(invocation); !seen) return invocation.fail(seen.error());
    const auto config = load_config(invocation.config_file, invocation.clock.now().wall);
    if (invocation.json) {
        invocation.print({{"file", invocation.config_file.string()},
                          {"mistakes", list_of(config ? Mistakes{} : config.error())},
                          {"warnings", list_of(config ? config->warnings : Mistakes{})}});
        return config ? ExitCode::kOk : ExitCode::kConfiguration;
    }
    if (!config) return invocation.fail(config.error());
    for (const Mistake& warning : config->warnings)
        invocation.console.out << "warning: " << warning.text() << '\n';
    const auto counted = [](std::size_t count, std::string_view noun) {
        return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
    };
    invocation.console.out << fmt::format("{} is right: {}, {}.\n", invocation.config_file.string(),
                                          counted(config->fleets.size(), "fleet"),
                                          counted(config->upstreams.size(), "upstream"));
    return ExitCode::kOk;
}

ExitCode run(const Invocation& invocation) {
    if (const auto owner = see_as_the_daemon(invocation); !owner) return invocation.fail(owner.error());
    auto config = load_config_to_start(invocation.config_file, invocation.clock.now().wall);
    if (!config) return invocation.fail(config.error());
    return invocation.run(invocation.config_file, *std::move(config));
}

}  // namespace

void add_check_command(const Command& app, Invocation& invocation) {
    const Command command = app.add_subcommand("check", "Find every mistake in the configuration");
    add_config_option(command, invocation);
    add_json_option(command, invocation);
    command.footer(
        "Reads the configuration and every file that it names, as `narrowgate run` does, and prints each\n"
        "mistake on a line: FILE:LINE:COLUMN: what is wrong; what to do. What works and may not be meant, "
        "or\n"
        "will soon not work, such as a certificate that ends within 30 days, is a line that begins with\n"
        "`warning:`. Changes nothing; a running daemon does not notice. Run by root it looks as the owner "
        "of\n"
        "the state directory, as the daemon will.\n"
        "\n"
        "Exit codes: 0 no mistake, warnings or not; 4 mistakes.\n");
    command.callback([&invocation] { invocation.action = [&invocation] { return check(invocation); }; });
}

void add_run_command(const Command& app, Invocation& invocation) {
    const Command command = app.add_subcommand("run", "Serve in the foreground");
    add_config_option(command, invocation);
    command.footer(
        "Serves until SIGTERM or SIGINT, then brings what is in flight to an end and stops within 10 "
        "seconds.\n"
        "No node is told, and none has to shake hands again after a restart. SIGHUP reads the fleets, the\n"
        "log level and the certificates again. The log goes to standard error.\n"
        "\n"
        "Run by root it becomes the owner of the state directory first. Under systemd use the unit that was\n"
        "installed with it; docs/operating.md says what it does.\n"
        "\n"
        "Exit codes: 0 stopped as asked, 1 failed, 4 mistakes in the configuration.\n");
    command.callback([&invocation] { invocation.action = [&invocation] { return run(invocation); }; });
}

}  // namespace narrowgate::daemon
