// SPDX-License-Identifier: Apache-2.0
//
// The narrowgate command: what its arguments ask for, done.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>

#include "daemon/commands/exit_code.hpp"
#include "daemon/config.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Where a command reads and writes.
struct Console {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
};

// What `narrowgate run` does with a configuration that has no mistakes; without it there is no such command.
using RunDaemon = std::function<ExitCode(const std::filesystem::path& file, Config config)>;

// `arguments` without the program's name. Thread: the one that may change the process's user: run by root, a
// command that opens the store itself becomes the owner of the state directory first.
ExitCode run_command_line(std::span<const std::string> arguments, Console console, const Clock& clock,
                          const RunDaemon& run);

}  // namespace narrowgate::daemon
