// SPDX-License-Identifier: Apache-2.0
//
// What a modem did, a line of JSON each, for people and for measurements of bytes on air:
//
//   {"at":12.345,"what":"up","bytes":75,"ip_bytes":103,"socket_port":49152,"remote":"127.0.0.1:5684",
//    "flags":"0x400","hex":"16fefd..."}
//
// `at` is in seconds since the modem was made. `bytes` is UDP payload; `ip_bytes` adds the headers of IPv4
// and UDP. Others: "start", "registration", "connected", "released", "asleep", "awake", "down", and with the
// AT dialogue "heard" and "said", which have a "text".
#pragma once

#include <string>

#include "sim/modem.hpp"

namespace narrowgate::sim {

// Without the end of the line.
std::string to_json_line(const ModemEvent& event, SteadyTime began);

}  // namespace narrowgate::sim
