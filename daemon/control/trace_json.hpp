// SPDX-License-Identifier: Apache-2.0
//
// Traces for programs:
//
//     TRACE    {began, taken_us, bytes_to_server, bytes_from_server, steps_left_out, last_from_server_us,
//               partial_record: {seen_bytes, size_bytes} | null, last_reads: [bytes],
//               tcp: {mss, unacknowledged, retransmissions, out_of_order} | null, steps: [STEP]}
//     STEP     {at_us, kind, words, code, bytes_to_server, bytes_from_server}, of a record or a message also
//              direction ("to-server", "from-server") and size_bytes
//     ATTEMPT  {finding, what, cause, advice, trace: TRACE}
#pragma once

#include <nlohmann/json.hpp>

#include "narrowgate/mqtt/diagnosis.hpp"

namespace narrowgate::daemon {

nlohmann::json to_json(const mqtt::ConnectionTrace& trace);
nlohmann::json to_json(const mqtt::TracedAttempt& attempt);

}  // namespace narrowgate::daemon
