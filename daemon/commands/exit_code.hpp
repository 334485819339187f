// SPDX-License-Identifier: Apache-2.0
//
// What the narrowgate command returns to the shell. Stable: scripts and units rely on them
// (docs/operating.md).
#pragma once

namespace narrowgate::daemon {

enum class ExitCode : int {
    kOk = 0,
    kFailed = 1,         // it was tried and did not work
    kUsage = 2,          // the command line is wrong
    kNotRunning = 3,     // no daemon runs, or it cannot be reached
    kConfiguration = 4,  // the configuration has mistakes
};

}  // namespace narrowgate::daemon
