// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate diagnose`: where a connection stalls, and what usually causes that.
#include "daemon/commands/diagnose.hpp"

namespace narrowgate::daemon {

void add_diagnose_command(const Command& app, Invocation& invocation) {
    const Command command =
        app.add_subcommand("diagnose", "Where a connection stalls, and what to do about it");
    command.require_subcommand(1);
    add_diagnose_device(command, invocation);
    add_diagnose_upstream(command, invocation);
}

}  // namespace narrowgate::daemon
