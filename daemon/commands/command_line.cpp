// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <ostream>

#include "daemon/commands/invocation.hpp"
#include "daemon/commands/table.hpp"
#include "daemon/version.hpp"

namespace narrowgate::daemon {
namespace {

constexpr const char* kProgramFooter =
    "First steps:\n"
    "  narrowgate init                                    a configuration, and a first device\n"
    "  narrowgate check                                   is the configuration right?\n"
    "  narrowgate run                                     serve in the foreground\n"
    "  narrowgate status                                  how it is doing\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 no daemon runs, 4 mistakes in the configuration.\n";

// What is wrong with the arguments, and the page that says how they are meant.
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
    const std::vector<std::string> unknown = app->remaining(true);
    std::string what = error.what();
    std::string words = app->get_name();
    for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) {
        app = chosen.front();
        words += ' ' + app->get_name();
    }
    const bool lacks_command = app->get_require_subcommand_min() > 0;
    if (lacks_command) what = fmt::format("\"{}\" needs a command", words);
    // Which word is unknown says more than that a known one is missing.
    if (!unknown.empty()) {
        const bool option = unknown.front().starts_with('-');
        what = fmt::format("{} is no {} of \"{}\"", printable(unknown.front()),
                           option          ? "option"
                           : lacks_command ? "command"
                                           : "argument",
                           words);
    }
    return fmt::format("narrowgate: {}; see {} --help\n", what, words);
}

}  // namespace

ExitCode Invocation::fail(const Error& error, ExitCode code) const {
    console.err << "narrowgate: " << error.text() << '\n';
    return code;
}

ExitCode Invocation::fail(const Mistakes& mistakes) const {
    // More are those of a file that is something else.
    static constexpr std::size_t kMostLines = 100;
    for (const Mistake& mistake : std::span(mistakes).first(std::min(mistakes.size(), kMostLines)))
        console.err << mistake.text() << '\n';
    console.err << fmt::format(
        "narrowgate: {} mistake{} in the configuration{}\n", mistakes.size(), mistakes.size() == 1 ? "" : "s",
        mistakes.size() > kMostLines ? fmt::format("; these are the first {}", kMostLines) : "");
    return ExitCode::kConfiguration;
}

ExitCode Invocation::print(const nlohmann::json& value) const {
    console.out << value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return ExitCode::kOk;
}

void add_config_option(const Command& command, Invocation& invocation) {
    command.add_option("--config", invocation.config_file, "The gateway's configuration")
        .type_name("FILE")
        .capture_default_str();
}

void add_json_option(const Command& command, Invocation& invocation) {
    command.add_flag("--json", invocation.json, "Write JSON, for programs");
}

namespace {

// What the arguments ask for becomes the invocation's action; nothing else is left of the parser, which takes
// a third of a megabyte, when a daemon runs. The exit code when there is nothing (more) to do.
std::optional<ExitCode> parse_arguments(std::span<const std::string> arguments, Invocation& invocation) {
    CLI::App app("Gateway from DTLS/CoAP nodes to MQTT brokers that want certificates.", "narrowgate");
    app.set_version_flag("--version", fmt::format("narrowgate {}", kVersion), "Print the version and exit");
    app.require_subcommand(1);
    app.footer(kProgramFooter);
    app.failure_message(usage_error);

    const Command top(app);
    if (invocation.run) add_run_command(top, invocation);
    add_audit_command(top, invocation);
    add_backup_commands(top, invocation);
    add_check_command(top, invocation);
    add_dead_letters_command(top, invocation);
    add_device_command(top, invocation);
    add_diagnose_command(top, invocation);
    add_fleets_command(top, invocation);
    add_init_command(top, invocation);
    add_replay_command(top, invocation);
    add_sessions_command(top, invocation);
    add_status_command(top, invocation);
    add_store_command(top, invocation);
    add_support_command(top, invocation);
    add_upstreams_command(top, invocation);
    add_watch_commands(top, invocation);
    try {
        // The parser takes its arguments from the back.
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        app.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error, invocation.console.out, invocation.console.err);
        return code == 0 ? ExitCode::kOk : ExitCode::kUsage;
    }
    return std::nullopt;
}

}  // namespace

ExitCode run_command_line(std::span<const std::string> arguments, Console console, const Clock& clock,
                          const RunDaemon& run) {
    Invocation invocation{.console = console, .clock = clock, .run = run};
    if (const auto done = parse_arguments(arguments, invocation)) return *done;
    return invocation.action();
}

}  // namespace narrowgate::daemon
