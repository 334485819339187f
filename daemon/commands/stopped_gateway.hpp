// SPDX-License-Identifier: Apache-2.0
//
// For commands that want the store to themselves.
#pragma once

#include "daemon/commands/invocation.hpp"

namespace narrowgate::daemon {

// The configuration, with the sealing key's place as the gateway's own unit would have it. Fails when the
// gateway runs, and says how to stop it. Files that the user named are opened after this, and then the store,
// as its owner.
std::expected<Config, CallFailure> config_of_stopped_gateway(const Invocation& invocation);

// Becomes the owner of the state directory, for good (owner.hpp).
std::expected<void, CallFailure> become_owner(const Config& config);

}  // namespace narrowgate::daemon
