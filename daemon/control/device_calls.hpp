// SPDX-License-Identifier: Apache-2.0
//
// The device calls of the control protocol. Keys are in hexadecimal, times RFC 3339, devices as in
// device_json.hpp; `device` is a name or an identity.
//
//     device.add     {identity, fleet, name?, psk, not_before?, not_after?}  → {}
//     device.import  {csv, dry_run?}       → {added, changed, unchanged, mistakes: [{line, what, cure}]}
//     device.list    {after?, count?}      → {devices: [device], more}   by name, those behind `after`;
//                                          1000 unless `count` says otherwise, from 1 to 10000; `more`:
//                                          whether others come behind the last
//     device.show    {device, exchanges?}  → {device}         with its last 20 exchanges, or so many, at
//                                          most 100
//     device.rotate  {device, identity?, psk, not_before?, not_after?}
//                                          → {identity, device, fleet, replaces}
//     device.rotate_back  {device}         → {identity}       the credential that was taken back
//     device.revoke  {device}              → {credentials}    how many
//     device.revoke_credential {identity}  → {}
//     device.export  {with_keys?}          → {csv}
//     audit          {count?}              → {entries: [{at, actor, action, subject, detail}]}, newest first
#pragma once

#include "daemon/control/calls.hpp"
#include "daemon/devices/device_service.hpp"

namespace narrowgate::daemon {

// `service` must outlive `calls`.
void add_device_calls(ControlCalls& calls, DeviceService& service);

inline constexpr std::size_t kUsualDevices = 1000;
inline constexpr std::size_t kMostDevices = 10'000;

// How many exchanges of a device a call asks for.
Expected<std::size_t> exchanges_argument(const nlohmann::json& arguments);

}  // namespace narrowgate::daemon
