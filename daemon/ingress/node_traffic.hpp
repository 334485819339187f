// SPDX-License-Identifier: Apache-2.0
//
// What a shard's nodes have on air, and whom it is counted for: a datagram counts once, with the first thing
// in it that is authentic, and not at all when nothing is (P5).
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/care/device_activity.hpp"
#include "narrowgate/dtls/handshake_trace.hpp"

namespace narrowgate::daemon {

// Bytes are of UDP payload. Thread: its shard's.
class NodeTraffic {
public:
    // A datagram is being received; nobody knows yet whose it is.
    void datagram_came(std::size_t bytes) { datagram_bytes_ = uncounted_bytes_ = bytes; }
    // Of the datagram that is being received.
    std::size_t datagram_bytes() const { return datagram_bytes_; }

    // A record in it is authentic. The records of one datagram are of one credential.
    void record_came(store::CredentialId credential, Now now);
    // A handshake has succeeded. Its Finished is authentic by now, and it is in the trace like all that came
    // before it; so is our last flight, which is made by now and leaves after the commit.
    void handshake_came(store::CredentialId credential, const dtls::HandshakeTrace& trace, Now now);

    // The endpoint sends a datagram.
    void sends(std::size_t bytes);
    // What the endpoint sends within `send` is the credential's; nobody has what it sends at other times.
    template <class Send>
    void count_sent(store::CredentialId credential, Now now, Send send) {
        sent_bytes_ = 0;
        sent_datagrams_ = 0;
        send();
        if (sent_datagrams_ != 0) add_sent(credential, now, sent_bytes_, sent_datagrams_);
    }
    void add_sent(store::CredentialId credential, Now now, std::size_t bytes, std::uint32_t datagrams = 1);

    // For what is no datagram. See ActivityLog.
    DeviceActivity& heard(store::CredentialId credential, Now now) {
        return activities_.heard(credential, now);
    }
    DeviceActivity& answered(store::CredentialId credential, Now now) {
        return activities_.answered(credential, now);
    }
    Activities take() { return activities_.take(); }

private:
    ActivityLog activities_;
    std::size_t datagram_bytes_ = 0;
    std::size_t uncounted_bytes_ = 0;  // of the same, until they are counted for a credential
    std::size_t sent_bytes_ = 0;       // by the endpoint, since count_sent() began
    std::uint32_t sent_datagrams_ = 0;
};

}  // namespace narrowgate::daemon
