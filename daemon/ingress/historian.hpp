// SPDX-License-Identifier: Apache-2.0
//
// Puts what an endpoint reports into a device's history (devices/device_history.hpp): each event into the
// unit that makes durable what it tells of.
#pragma once

#include <optional>

#include "daemon/devices/credential_directory.hpp"
#include "daemon/devices/device_history.hpp"
#include "narrowgate/dtls/handshake_trace.hpp"
#include "narrowgate/dtls/session_record.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::daemon {

// Thread: its shard's. Bounds: one event a handshake that succeeded, one a session that ended.
class Historian {
public:
    // `credentials` must outlive the historian. What it does not have any more has no history.
    explicit Historian(const CredentialDirectory& credentials) : credentials_(credentials) {}

    // The trace of one that succeeded comes right before the session that it established.
    void on_handshake_ended(const dtls::HandshakeTrace& trace) {
        if (trace.outcome == dtls::HandshakeOutcome::kEstablished) trace_ = trace;
    }
    const dtls::HandshakeTrace& last_success() const { return trace_; }
    // `never_used`: the session of the handshake before, which the node has not used.
    void on_established(const dtls::SessionRecord& record, std::optional<dtls::SessionId> never_used,
                        store::Unit& unit) const;
    // Nothing is written where the end needs no telling: the next handshake tells it, or the credential does.
    void on_ended(dtls::SessionId session, dtls::CredentialId credential, dtls::EndReason reason,
                  WallTime now, store::Unit& unit) const;

    // Its row on disk cannot be read.
    void on_unreadable(dtls::SessionId session, dtls::CredentialId credential, WallTime now,
                       store::Unit& unit) const;

private:
    void tell(dtls::SessionId session, dtls::CredentialId credential, SessionEnd how, WallTime now,
              store::Unit& unit) const;

    const CredentialDirectory& credentials_;
    dtls::HandshakeTrace trace_;
};

}  // namespace narrowgate::daemon
