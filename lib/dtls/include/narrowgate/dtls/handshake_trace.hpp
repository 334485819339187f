// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of one handshake, so that a stall can explain itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/datagram_trail.hpp"
#include "narrowgate/dtls/offered_suites.hpp"
#include "narrowgate/dtls/record_state.hpp"

namespace narrowgate::dtls {

// What we were waiting for.
enum class HandshakeStep : std::uint8_t {
    kClientHello,        // never seen outside: a handshake exists from its second ClientHello on
    kClientKeyExchange,  // our ServerHello flight is out
    kFinished,           // keys are known, no Finished that fits them has come
    kCommit,             // the session is being made durable
};
inline constexpr std::size_t kHandshakeSteps = static_cast<std::size_t>(HandshakeStep::kCommit) + 1;

enum class HandshakeOutcome : std::uint8_t {
    kEstablished,
    kTimedOut,   // no progress after the last retransmission
    kRefused,    // nothing in common, or a message that the protocol does not allow
    kDisplaced,  // the node started again
    kRevoked,
};
inline constexpr std::size_t kHandshakeOutcomes = static_cast<std::size_t>(HandshakeOutcome::kRevoked) + 1;

struct HandshakeTrace {
    Path path;
    HandshakeStep step = HandshakeStep::kClientHello;
    HandshakeOutcome outcome = HandshakeOutcome::kTimedOut;
    SteadyTime started;
    SteadyTime last_progress;  // last message of the peer that moved the handshake on
    SteadyTime ended;

    Bytes identity;               // as the peer gave it; empty before ClientKeyExchange. Not authenticated.
    bool identity_known = false;  // for our own logs: no answer on the network tells
    bool with_cid = false;
    CipherSuite suite = CipherSuite::kPskAes128Ccm8;  // once it is established

    std::uint32_t datagrams_in = 0;
    std::uint32_t datagrams_out = 0;
    std::uint32_t bytes_in = 0;
    std::uint32_t bytes_out = 0;
    std::uint32_t largest_in = 0;
    std::uint32_t largest_out = 0;
    std::uint32_t retransmissions = 0;  // our flights sent again, for whatever reason
    std::uint32_t unfitting_finished =
        0;  // records in place of Finished that did not authenticate: wrong key?

    DatagramTrail trail;
    OfferedSuites offered;
    std::size_t max_fragment = 0;            // that the node asked for (RFC 6066), bytes; 0: it did not
    std::optional<std::uint8_t> alert = {};  // the node's last one, not authenticated (RFC 5246 section 7.2)
    // The node's ClientHellos before the one that began the handshake: HelloLog.
    std::uint32_t hellos_before = 0;  // answered by HelloVerifyRequest; one is usual
    std::uint32_t put_off = 0;        // not admitted, or shed
    std::optional<SteadyTime> first_hello;
};

}  // namespace narrowgate::dtls
