// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/historian.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace narrowgate::daemon {
namespace {

std::optional<SessionEnd> end_of(dtls::EndReason reason) {
    switch (reason) {
        case dtls::EndReason::kCloseNotify:
            return SessionEnd::kClosedByNode;
        case dtls::EndReason::kFatalAlert:
            return SessionEnd::kFailedByNode;
        case dtls::EndReason::kDisplaced:
            return SessionEnd::kDisplaced;
        case dtls::EndReason::kExpired:
            return SessionEnd::kExpired;
        case dtls::EndReason::kForgotten:
            return SessionEnd::kForgotten;
        case dtls::EndReason::kReplaced:
        case dtls::EndReason::kReplacedElsewhere:
        case dtls::EndReason::kSuperseded:
        case dtls::EndReason::kRevoked:
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

void Historian::on_established(const dtls::SessionRecord& record, std::optional<dtls::SessionId> never_used,
                               store::Unit& unit) const {
    const auto owner = credentials_.owner_of(record.credential);
    if (!owner) return;
    if (never_used) {
        const SessionEndEvent end{
            .session = *never_used, .credential = record.credential, .how = SessionEnd::kNeverUsed};
        unit.events.push_back(device_event(owner->device, record.established, end));
    }
    const auto again =
        std::min<std::uint32_t>(trace_.retransmissions, std::numeric_limits<std::uint16_t>::max());
    const HandshakeEvent handshake{
        .session = record.id,
        .credential = record.credential,
        .remote = record.path.remote,
        .duration = std::chrono::duration_cast<milliseconds>(trace_.ended - trace_.started),
        .bytes_in = trace_.bytes_in,
        .bytes_out = trace_.bytes_out,
        .flights_again = static_cast<std::uint16_t>(again),
        .suite = static_cast<std::uint16_t>(trace_.suite),
        .with_cid = !record.cid.empty()};
    unit.events.push_back(device_event(owner->device, record.established, handshake));
}

void Historian::on_ended(dtls::SessionId session, dtls::CredentialId credential, dtls::EndReason reason,
                         WallTime now, store::Unit& unit) const {
    if (const auto how = end_of(reason)) tell(session, credential, *how, now, unit);
}

void Historian::on_unreadable(dtls::SessionId session, dtls::CredentialId credential, WallTime now,
                              store::Unit& unit) const {
    tell(session, credential, SessionEnd::kUnreadable, now, unit);
}

void Historian::tell(dtls::SessionId session, dtls::CredentialId credential, SessionEnd how, WallTime now,
                     store::Unit& unit) const {
    const auto owner = credentials_.owner_of(credential);
    if (!owner) return;
    unit.events.push_back(device_event(
        owner->device, now, SessionEndEvent{.session = session, .credential = credential, .how = how}));
}

}  // namespace narrowgate::daemon
