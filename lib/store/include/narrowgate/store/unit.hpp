// SPDX-License-Identifier: Apache-2.0
//
// What one authentic record does to durable state, as one value: all of it is in one commit, or none of it
// (P1, P2, P4). And what became of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/secret.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

inline constexpr std::size_t kMaxCidBytes = 32;  // what this store accepts; RFC 9146 section 3 allows 255
inline constexpr std::size_t kMaxSessionSecret = 1024;  // bytes of SessionRow::secret
inline constexpr std::size_t kMaxReplyBytes = 2048;     // bytes of StoredReply::reply
inline constexpr std::size_t kMaxPayloadBytes = 1 << 20;

// A session as it is kept. `secret` is opaque here and sealed on disk; the rest is plain.
struct SessionRow {
    SessionId id = 0;
    CredentialId credential = 0;
    Bytes cid;               // ours, which the node puts into its records; empty when it offered none
    Secret secret;           // keys and what belongs to them, at most kMaxSessionSecret bytes
    bool confirmed = false;  // the node has shown that it believes in the session
    Path path;
    std::uint64_t lease_end = 0;   // outgoing record numbers below this may have been used (P3)
    std::uint64_t right_edge = 0;  // receive mark: the highest record number authenticated
    std::uint64_t window = 0;      // bit n: number right_edge - n was seen
    WallTime established{};
    WallTime last_seen{};
};

// What changes with each record of a session. It replaces these fields of the row as a whole; a mark of a
// session that the store does not know is ignored.
struct SessionMark {
    SessionId session = 0;
    std::uint64_t right_edge = 0;
    std::uint64_t window = 0;
    std::uint64_t lease_end = 0;
    bool confirmed = false;
    Path path;
    WallTime last_seen{};
};

struct NewReading {
    std::string device;
    std::string fleet;
    std::string resource;
    std::optional<std::uint16_t> content_format;  // RFC 7252 section 12.3; nothing when the option was absent
    Bytes payload;
    WallTime received{};
    UpstreamMask upstreams = 0;  // a reading for no upstream is not kept, and counts as committed
};

// The answer to an exchange, so that a retransmission is answered alike after a crash (RFC 7252 section 4.2).
struct StoredReply {
    SessionId session = 0;
    std::uint16_t message_id = 0;
    WallTime expires{};  // end of EXCHANGE_LIFETIME
    Bytes reply;         // an encoded CoAP message, at most kMaxReplyBytes
};

struct Unit {
    std::optional<SessionRow> open;  // replaces a row of the same id
    std::vector<SessionId> close;    // unknown ids are ignored
    std::optional<SessionMark> mark;
    std::optional<NewReading> reading;
    std::optional<StoredReply> reply;
    SinkId sink = 0;           // who is told
    std::uint64_t ticket = 0;  // under which number; the store does not look at it
};

enum class Outcome : std::uint8_t {
    kCommitted,       // all of it is on disk
    kReadingRefused,  // full: sessions and marks are on disk, the reading and its reply are not (5.03)
    kFailed,          // nothing of it is on disk
};

struct Completion {
    std::uint64_t ticket = 0;
    Outcome outcome = Outcome::kFailed;
    seconds retry_after{0};  // a hint for Max-Age when the outcome is not kCommitted
};

}  // namespace narrowgate::store
