// SPDX-License-Identifier: Apache-2.0
//
// A look at what the shards remember of a node's handshakes, for `narrowgate diagnose device`.
#pragma once

#include <optional>

#include "daemon/devices/device_evidence.hpp"
#include "daemon/ingress/ingress.hpp"
#include "daemon/ingress/shards.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// What one shard has, added to `evidence` in no order. Thread: the shard's.
void look_in_shard(const Ingress& ingress, const DeviceQuery& query, DeviceEvidence& evidence);

// Of every shard. Nothing when one does not answer within `patience`. Thread: any but a shard's.
std::optional<DeviceEvidence> look_for_device(const Shards& shards, const Clock& clock,
                                              const DeviceQuery& query, milliseconds patience);

}  // namespace narrowgate::daemon
