// SPDX-License-Identifier: Apache-2.0
//
// A look at live sessions in the shards that own them, for `narrowgate device show`.
#pragma once

#include <optional>
#include <vector>

#include "daemon/devices/live_session.hpp"
#include "daemon/ingress/shards.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// The sessions of these credentials in every shard. Nothing when a shard does not answer within `patience`.
// Thread: any but a shard's.
std::optional<std::vector<LiveSession>> look_at_sessions(const Shards& shards, const Clock& clock,
                                                         const std::vector<store::CredentialId>& credentials,
                                                         milliseconds patience);

}  // namespace narrowgate::daemon
