// SPDX-License-Identifier: Apache-2.0
//
// One use of the command line: what all commands share, and what each adds to the parser. Inside
// daemon/commands only.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "daemon/commands/command.hpp"
#include "daemon/commands/command_line.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

inline constexpr std::string_view kDefaultConfigFile = "/etc/narrowgate/narrowgate.toml";

struct Invocation {
    Console console;
    const Clock& clock;
    const RunDaemon& run;

    // From the arguments.
    std::filesystem::path config_file{kDefaultConfigFile};
    bool json = false;
    // What the arguments chose.
    std::function<ExitCode()> action{};

    // Writes "narrowgate: WHAT; CURE" to `err`.
    ExitCode fail(const Error& error, ExitCode code = ExitCode::kFailed) const;
    // Writes each mistake on a line to `err`.
    ExitCode fail(const Mistakes& mistakes) const;
    // Writes indented JSON to `out`.
    ExitCode print(const nlohmann::json& value) const;
};

void add_config_option(const Command& command, Invocation& invocation);
void add_json_option(const Command& command, Invocation& invocation);

void add_audit_command(const Command& app, Invocation& invocation);
void add_backup_commands(const Command& app, Invocation& invocation);
void add_run_command(const Command& app, Invocation& invocation);
void add_check_command(const Command& app, Invocation& invocation);
void add_dead_letters_command(const Command& app, Invocation& invocation);
void add_device_command(const Command& app, Invocation& invocation);
void add_diagnose_command(const Command& app, Invocation& invocation);
void add_fleets_command(const Command& app, Invocation& invocation);
void add_init_command(const Command& app, Invocation& invocation);
void add_replay_command(const Command& app, Invocation& invocation);
void add_sessions_command(const Command& app, Invocation& invocation);
void add_status_command(const Command& app, Invocation& invocation);
void add_store_command(const Command& app, Invocation& invocation);
void add_support_command(const Command& app, Invocation& invocation);
void add_upstreams_command(const Command& app, Invocation& invocation);
void add_watch_commands(const Command& app, Invocation& invocation);

struct CallFailure {
    ExitCode code;
    Error error;
    Mistakes mistakes{};  // instead of an error when the configuration has some

    ExitCode tell(const Invocation& invocation) const {
        return mistakes.empty() ? invocation.fail(error, code) : invocation.fail(mistakes);
    }
};

// Makes a call (control/calls.hpp) on the running daemon.
std::expected<nlohmann::json, CallFailure> call_daemon(const Invocation& invocation, std::string_view call,
                                                       const nlohmann::json& arguments);
// Makes it on the running daemon, or when none runs on the store itself, under its lock and as its owner.
std::expected<nlohmann::json, CallFailure> call_daemon_or_store(const Invocation& invocation,
                                                                std::string_view call,
                                                                nlohmann::json& arguments);

}  // namespace narrowgate::daemon
