// SPDX-License-Identifier: Apache-2.0
//
// Devices as the control protocol shows them. Times are RFC 3339, or null. No key is shown.
//
//     device      {name, fleet, added, revoked, credentials: [credential]}
//     credential  {identity, added, not_before, not_after, revoked, why_revoked, replaces}
//
// and of one device, besides:
//
//     device      {…, sessions: [session], exchanges: [exchange] or null, handshakes: [handshake],
//                 session_ended: {at, reason} or null, why, figures: care_json.hpp's}
//     credential  {…, state}: in_use, waiting (for its first use, which retires `replaces`), not_yet_valid,
//                 no_longer_valid, revoked, retired, replaced
//     session     {identity, confirmed, since, heard, silent_seconds, remote, local, cid, bytes_up,
//                 bytes_down, address_moves, repeats, next_number, lease_end}
//     exchange    {at, identity, method, path, path_cut, code (null: without one), fate, bytes_up,
//     bytes_down,
//                 milliseconds, repeats}; the newest first, see device_exchange.hpp
//     handshake   {at, identity, remote, cid, cipher, milliseconds, bytes_in, bytes_out, flights_again,
//                 reason}
#pragma once

#include <nlohmann/json.hpp>

#include "daemon/devices/device_service.hpp"

namespace narrowgate::daemon {

nlohmann::json to_json(const store::Device& device);
nlohmann::json to_json(const DeviceReport& report);
nlohmann::json to_json(const store::AuditEntry& entry);

}  // namespace narrowgate::daemon
