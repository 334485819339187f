// SPDX-License-Identifier: Apache-2.0
//
// Record protection of an established DTLS 1.2 session (RFC 6347 section 4.1, RFC 9146 section 5).
//
// The handshake library hands over its keys and is gone; what is left of a session is `RecordState`. These
// functions turn it, and bytes, into bytes. They open no socket and read no clock. Thread: any, a state at a
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/dtls/record_state.hpp"

namespace narrowgate::dtls {

// RFC 5246 section 6.2.1 and RFC 9146 section 4.
enum class ContentType : std::uint8_t {
    kChangeCipherSpec = 20,
    kAlert = 21,
    kHandshake = 22,
    kApplicationData = 23,
    kTls12Cid = 25,
};

// Why a record was not opened. Each value has a counter of the same name; none ends the session (RFC 6347
// section 4.1.2.7).
enum class RecordFault : std::uint8_t {
    kMalformed,   // shorter than its header says, or than its tag; a version or CID that is not the session's
    kWrongEpoch,  // not the epoch of the established session
    kReplayed,    // sequence number seen before, or left of the window
    kBadMac,      // does not authenticate
    kEmptyInner,  // RFC 9146 section 4: no content type found in the inner plaintext
};

struct OpenedRecord {
    ContentType content_type;  // inner type for CID records (RFC 9146 section 4); any value can occur
    ByteView payload;          // inside `scratch`, valid until it is written again
    std::uint64_t sequence;    // without the epoch
    bool newer;                // above every sequence number authenticated before
};

// Opens one record (all of it, nothing behind it) that belongs to this session. On success, and only then,
// `state`'s replay window has moved. `scratch` must hold `record.size()` bytes; `record` is not changed.
std::expected<OpenedRecord, RecordFault> open_record(RecordState& state, ByteView record,
                                                     MutableBytes scratch);

// Why nothing was sealed.
enum class SealFault : std::uint8_t {
    kLeaseExhausted,  // the next sequence number is not covered by a durable lease; ask again after one is
    kDoesNotFit,      // header, payload and expansion together exceed `out`
    kUnknownSession,  // gone, or not durable yet (Endpoint::seal only)
};

// Seals `payload` into `out` and returns the bytes used. Consumes one sequence number of the lease, also
// when the datagram is then lost: a number is never given out twice (RFC 5116 section 3.1).
std::expected<std::size_t, SealFault> seal_record(RecordState& state, ContentType content_type,
                                                  ByteView payload, MutableBytes out);

// Bytes that sealing adds to a payload in this session: 13 of header, the peer's CID and its inner content
// type where there is one, 8 of explicit nonce, and the tag of the cipher suite (8 or 16).
std::size_t record_expansion(const RecordState& state);

}  // namespace narrowgate::dtls
