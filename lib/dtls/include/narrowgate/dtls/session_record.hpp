// SPDX-License-Identifier: Apache-2.0
//
// What a session leaves on disk: the record it begins with, and the receipt that each authentic record of
// its peer turns into. This room writes nothing itself; it says what must be durable before what.
#pragma once

#include <cstdint>
#include <optional>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/secret.hpp"
#include "narrowgate/dtls/credentials.hpp"

namespace narrowgate::dtls {

// Random, never 0, unique among the sessions of a gateway; the key of a session in the store.
using SessionId = std::uint64_t;

// What a session's records have carried and met with, for people who look at costs and links. Bytes of UDP
// payload of authentic records, ours and the peer's, without the handshake's. Saturating; exact but for what
// a crash loses.
struct Traffic {
    std::uint32_t bytes_up = 0;
    std::uint32_t bytes_down = 0;
    std::uint16_t address_moves = 0;
    std::uint16_t repeats = 0;  // messages of the peer that came again (Endpoint::count_repeat())

    bool operator==(const Traffic&) const = default;
};

// A session, new or loaded. All but `secret` may be kept in plain columns.
struct SessionRecord {
    SessionId id = 0;
    CredentialId credential = 0;
    Bytes cid;  // ours, what the peer puts in its records; empty: the session is bound to its path
    Secret
        secret;  // keys, IVs, the peer's CID, our Finished while unconfirmed; a format of our own, versioned
    bool confirmed = false;        // an application record of it has been committed
    Path path;                     // a hint when loaded, until an authentic record arrives
    std::uint64_t lease_end = 0;   // outgoing sequence numbers below this one may have been used
    std::uint64_t right_edge = 0;  // highest sequence number authenticated (RFC 6347 section 4.1.2.6)
    std::uint64_t window = 0;      // bit n: right_edge - n was seen
    WallTime established;
    WallTime last_seen;
    // Only for a new one: its place among all established since the start (EstablishmentOrder).
    std::uint32_t order = 0;
    // Only for restore(): for how long the gateway has RUN since the peer was last heard.
    seconds silence{0};
    Traffic traffic;
};

enum class Purpose : std::uint8_t {
    kApplicationData,
    kCloseNotify,
    kFatalAlert,
    kRepeatedFlight,  // the client did not see our Finished and sends its own again
};

// An authentic record that waits for its commit. It must have no effect of any kind before that: no reply, no
// exchange state, no address. Commit receipts of a session in the order they were given out.
struct Receipt {
    SessionId session = 0;
    CredentialId credential = 0;
    Path path;           // where the record came from; where its reply goes once it is committed
    bool newer = false;  // above every sequence number authenticated before
    std::uint64_t sequence = 0;
    Purpose purpose = Purpose::kApplicationData;

    // The session's columns after the commit.
    std::uint64_t right_edge = 0;
    std::uint64_t window = 0;
    std::uint64_t lease_end = 0;
    bool confirmed = false;  // by this commit or one before it
    bool confirms = false;   // by this commit, as far as can be known while others are under way
    Path durable_path;
    WallTime last_seen;
    // The credential's former session, to be deleted by the same commit.
    std::optional<SessionId> replaces;
    Traffic traffic;  // with this record
    // For Endpoint::end_others() of the other shards, when this commit confirms the session.
    std::uint32_t order = 0;

    // The commit deletes the session instead: its peer has ended it.
    bool ends_session() const { return purpose == Purpose::kCloseNotify || purpose == Purpose::kFatalAlert; }
};

// Why a session left the tables.
enum class EndReason : std::uint8_t {
    kCloseNotify,
    kFatalAlert,
    kReplaced,    // by a confirmed session of the same credential
    kSuperseded,  // unconfirmed, and another handshake of its credential has completed
    kDisplaced,   // bound to a path on which too many newer sessions live
    kExpired,     // silent for Options::session_lifetime
    kRevoked,
    kReplacedElsewhere,  // another shard has a newer one of its credential, or a commit left it over
    kForgotten,          // by an operator
};
inline constexpr std::size_t kEndReasons = 9;

}  // namespace narrowgate::dtls
