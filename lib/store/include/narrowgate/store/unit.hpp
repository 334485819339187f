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
inline constexpr std::size_t kMaxDeviceEventBytes = 512;  // bytes of DeviceEvent::body
inline constexpr std::size_t kDeviceEventsKept = 16;      // a device; older ones go

// What a session's link has carried so far. Each figure stays at its type's largest value.
struct Traffic {
    std::uint32_t bytes_up = 0;       // of UDP payload, from the node
    std::uint32_t bytes_down = 0;     // … and to it
    std::uint16_t address_moves = 0;  // its NAT gave it another address
    std::uint16_t repeats = 0;        // CoAP retransmissions seen

    bool operator==(const Traffic&) const = default;
};

// A session as it is kept. `secret` is opaque here and sealed on disk; the rest is plain.
struct SessionRow {
    SessionId id = 0;
    CredentialId credential = 0;
    Bytes cid;                     // ours, which the node puts into its records; empty when it offered none
    Secret secret;                 // keys and what belongs to them, at most kMaxSessionSecret bytes
    bool confirmed = false;        // the node has shown that it believes in the session
    Path path;                     // one without a CID is found by it, for as long as it lives
    std::uint64_t lease_end = 0;   // outgoing record numbers below this may have been used (P3)
    std::uint64_t right_edge = 0;  // receive mark: the highest record number authenticated
    std::uint64_t window = 0;      // bit n: number right_edge - n was seen
    WallTime established{};
    WallTime last_seen{};
    // When the node was heard last, as a stamp of Store::service_time() in seconds: how long it has been
    // silent is what passed of that, so that neither a stop nor a clock that jumps makes a session old.
    std::uint64_t heard = 0;
    Traffic traffic = {};

    // The same with another secret in place of its own: a row is not copied by accident, since a secret is
    // not.
    SessionRow with(Secret other) const;
};

// What changes with each record of a session. It replaces these fields of the row as a whole; a mark of a
// session that the store does not know is ignored.
struct SessionMark {
    SessionId session = 0;
    std::uint64_t right_edge = 0;
    std::uint64_t window = 0;
    std::uint64_t lease_end = 0;
    bool confirmed = false;
    Path path;  // of a session without a CID it stays as it was opened
    WallTime last_seen{};
    std::uint64_t heard = 0;  // as SessionRow::heard
    Traffic traffic = {};
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

// Something that happened to a device and that its operator may ask about later. `body` is opaque here.
struct DeviceEvent {
    std::string device;  // its name
    WallTime at{};
    Bytes body;  // at most kMaxDeviceEventBytes

    bool operator==(const DeviceEvent&) const = default;
};

struct Unit {
    // Replaces a row of the same id. It is not kept when its credential is revoked, or unknown.
    std::optional<SessionRow> open;
    std::vector<SessionId> close;  // unknown ids are ignored
    std::optional<SessionMark> mark;
    std::optional<NewReading> reading;
    std::optional<StoredReply> reply;
    std::vector<DeviceEvent> events;  // the last kDeviceEventsKept of each device are kept
    // This credential is revoked (as "retired") and its sessions are deleted: its successor has proved
    // itself. Nothing happens when it is not in use.
    std::optional<CredentialId> retire;
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
