// SPDX-License-Identifier: Apache-2.0
//
// Fleets and what is counted of devices as the control protocol shows them. Times are RFC 3339, or null;
// bytes are of UDP payload where they are not "on air".
//
//     fleet    {name, devices, heard, never_heard, silent, fell_together, report_interval_s or null,
//              missed_reports, bytes_up, bytes_down, datagrams, readings: of this month, tariff or null,
//              over_tariff, will_exceed}
//     tariff   {included_bytes, price_per_mb, currency, overhead_bytes, unit_bytes, cost: of this month so
//     far} silent   {device, fleet, last_heard, silent_seconds, missed, interval_s} costly   {device, fleet,
//     bytes_on_air, included_bytes, share, forecast_bytes, cost, currency} slow     {device, fleet,
//     retransmission_ratio, retransmissions, requests, handshake_ms} figures  {last_heard, silent_seconds or
//     null, silent, missed, missed_total, interval_s or null,
//              interval_own, missed_reports, readings, datagrams, bytes_up, bytes_down, handshakes,
//              handshake_ms, address_moves, requests, retransmissions, retransmission_ratio,
//              month: volume, last_month: volume, tariff: usage or null}
//     volume   {month, readings, datagrams, bytes_up, bytes_down}
//     usage    {bytes_on_air, included_bytes, share, forecast_bytes, cost, currency}
//
// `share` is of the included bytes, 1 being all; null when none are included.
#pragma once

#include <nlohmann/json.hpp>

#include "daemon/care/care_book.hpp"

namespace narrowgate::daemon {

nlohmann::json to_json(const FleetState& fleet);
nlohmann::json to_json(const SilentDevice& device);
nlohmann::json to_json(const CostlyDevice& device);
nlohmann::json to_json(const RepeatingDevice& device);
nlohmann::json to_json(const DeviceCare& care);

}  // namespace narrowgate::daemon
