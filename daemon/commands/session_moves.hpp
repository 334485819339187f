// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate sessions export` and `import`. Inside daemon/commands only.
#pragma once

#include "daemon/commands/invocation.hpp"

namespace narrowgate::daemon {

void add_session_moves(const Command& sessions, Invocation& invocation);

}  // namespace narrowgate::daemon
