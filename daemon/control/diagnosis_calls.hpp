// SPDX-License-Identifier: Apache-2.0
//
// Why a node does not get through, as operators ask it:
//
//     device.diagnose  {who, exchanges?}  → diagnosis_json.hpp; `who` is an identity, a device's name, or an
//                                         address; exchanges as of device.show
#pragma once

#include "daemon/control/calls.hpp"
#include "daemon/devices/device_evidence.hpp"
#include "daemon/devices/device_service.hpp"
#include "narrowgate/dtls/options.hpp"

namespace narrowgate::daemon {

// `look` is nothing when no daemon runs: then there is the store alone. `devices` must outlive `calls`.
void add_diagnosis_calls(ControlCalls& calls, DeviceService& devices, const dtls::Options& options,
                         LookForDevice look);

}  // namespace narrowgate::daemon
