// SPDX-License-Identifier: Apache-2.0
//
// A look at the last exchanges of a device in the shards that had them, for `narrowgate device show`.
#pragma once

#include <optional>
#include <vector>

#include "daemon/devices/device_exchange.hpp"
#include "daemon/ingress/shards.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// The last `count` of these credentials in all shards together, newest first. Nothing when a shard does not
// answer within `patience`. Thread: any but a shard's.
std::optional<std::vector<DeviceExchange>> look_at_exchanges(
    const Shards& shards, const Clock& clock, const std::vector<store::CredentialId>& credentials,
    std::size_t count, milliseconds patience);

}  // namespace narrowgate::daemon
