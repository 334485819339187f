// SPDX-License-Identifier: Apache-2.0
//
// The device calls of the control protocol:
//
//     device.add     {identity, fleet, name?, psk}      psk in hexadecimal
//     device.import  {csv, dry_run?}                    → {added, changed, unchanged, mistakes: [{line, what,
//     cure}]} device.list    {}                                 → {devices: […]} device.show    {device} →
//     {device: {…}} device.revoke  {device}                           → {credentials} device.export
//     {with_keys?}                       → {csv}
#pragma once

#include "daemon/control/calls.hpp"
#include "daemon/devices/device_service.hpp"

namespace narrowgate::daemon {

// `service` must outlive `calls`.
void add_device_calls(ControlCalls& calls, DeviceService& service);

}  // namespace narrowgate::daemon
