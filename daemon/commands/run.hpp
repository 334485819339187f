// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate run`: the daemon itself.
#pragma once

#include <filesystem>

#include "daemon/commands/exit_code.hpp"
#include "daemon/config.hpp"

namespace narrowgate::daemon {

// Serves in the foreground until SIGTERM or SIGINT. `config` is what `file` says now; a reload reads the file
// again. Errors go to the log.
ExitCode run(const std::filesystem::path& file, Config config);

}  // namespace narrowgate::daemon
