// SPDX-License-Identifier: Apache-2.0
//
// A diagnosis of a node as the control protocol shows it. Times are RFC 3339, or null.
//
//     diagnosis  {who, running, mtu, device: device_json.hpp's or null, figures: the device's again, or null,
//                handshakes: [handshake], hellos: [hello], finding, happened, cause, cure}: newest first
//     handshake  {started, ended, state, waits_for, remote, local, identity, identity_known, cid, cipher,
//                offered: [suite], max_fragment, bytes_in, bytes_out, largest_in, largest_out,
//                retransmissions, unfitting, alert, hellos_before, put_off, first_hello,
//                datagrams: [datagram], left_out}
//         state      in_progress, established, timed_out, refused, displaced, revoked
//         waits_for  what did not come: client_key_exchange, finished; null once it is established
//         identity   as the node gave it: only that of an established handshake is proved
//     datagram   {milliseconds, ours, bytes, parts: [part], again}: since the handshake started
//     hello      {remote, first, last, last_fate, without_cookie, wrong_cookie, fragmented, malformed,
//                not_admitted, shed, bytes, message_bytes, fragment_bytes, offered: [suite]}
//
// `finding` is one of name_of(Finding); the words are for people.
#pragma once

#include <nlohmann/json.hpp>

#include "daemon/devices/device_verdict.hpp"

namespace narrowgate::daemon {

nlohmann::json to_json(const DeviceCase& its, const Verdict& verdict);

}  // namespace narrowgate::daemon
