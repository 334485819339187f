// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/session_rows.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

store::Traffic traffic_of(const dtls::Traffic& traffic) {
    return {traffic.bytes_up, traffic.bytes_down, traffic.address_moves, traffic.repeats};
}

dtls::Traffic traffic_of(const store::Traffic& traffic) {
    return {traffic.bytes_up, traffic.bytes_down, traffic.address_moves, traffic.repeats};
}

std::uint64_t stamp(seconds service_time) {
    return static_cast<std::uint64_t>(std::max(service_time, seconds(0)).count());
}

}  // namespace

store::SessionRow row_of(const dtls::SessionRecord& record, seconds service_time) {
    return {.id = record.id,
            .credential = record.credential,
            .cid = record.cid,
            .secret = record.secret.copy(),
            .confirmed = record.confirmed,
            .path = record.path,
            .lease_end = record.lease_end,
            .right_edge = record.right_edge,
            .window = record.window,
            .established = record.established,
            .last_seen = record.last_seen,
            .heard = stamp(service_time),
            .traffic = traffic_of(record.traffic)};
}

store::SessionMark mark_of(const dtls::Receipt& receipt, seconds service_time) {
    return {.session = receipt.session,
            .right_edge = receipt.right_edge,
            .window = receipt.window,
            .lease_end = receipt.lease_end,
            .confirmed = receipt.confirmed,
            .path = receipt.durable_path,
            .last_seen = receipt.last_seen,
            .heard = stamp(service_time),
            .traffic = traffic_of(receipt.traffic)};
}

dtls::SessionRecord record_of(store::SessionRow&& row, seconds service_time) {
    // A crash loses some of the service time, so a stamp may be ahead of it.
    const std::uint64_t now = stamp(service_time);
    const std::uint64_t silence = now - std::min(now, row.heard);
    return {.id = row.id,
            .credential = row.credential,
            .cid = std::move(row.cid),
            .secret = std::move(row.secret),
            .confirmed = row.confirmed,
            .path = row.path,
            .lease_end = row.lease_end,
            .right_edge = row.right_edge,
            .window = row.window,
            .established = row.established,
            .last_seen = row.last_seen,
            .silence = seconds(static_cast<seconds::rep>(silence)),
            .traffic = traffic_of(row.traffic)};
}

}  // namespace narrowgate::daemon
