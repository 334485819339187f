// SPDX-License-Identifier: Apache-2.0
//
// The parts of `narrowgate diagnose`. Inside daemon/commands only.
#pragma once

#include "daemon/commands/invocation.hpp"

namespace narrowgate::daemon {

// `diagnose` is the parent of each.
void add_diagnose_device(const Command& diagnose, Invocation& invocation);
void add_diagnose_upstream(const Command& diagnose, Invocation& invocation);

}  // namespace narrowgate::daemon
