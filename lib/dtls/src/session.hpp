// SPDX-License-Identifier: Apache-2.0
//
// A session in memory. Most of a million of them sleep, so its size counts: 224 bytes here, about 24 in each
// of the three or four indexes it is in at their emptiest, 10 in the wheel.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "handshake.hpp"
#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/establishment_order.hpp"
#include "narrowgate/dtls/record_state.hpp"
#include "narrowgate/dtls/session_record.hpp"

namespace narrowgate::dtls {

// What a session needs only until its first application record is committed.
struct Unconfirmed {
    FinishedMessage finished;               // ours
    std::uint64_t next_plain_sequence = 0;  // epoch 0, for the ChangeCipherSpec before it
    std::optional<SteadyTime> answered;     // a repeated flight, last
    std::vector<Bytes> held_flight;         // leaves when the session is committed
    std::optional<SessionId> supersedes;    // ends when the session is committed
};

struct Session {
    SessionId id = 0;
    CredentialId credential = 0;
    RecordState records;
    Path path;
    std::uint64_t path_sequence = 0;  // number of the record that has shown `path`
    SteadyTime heard;                 // last authentic record
    std::unique_ptr<Unconfirmed> unconfirmed;
    Traffic traffic;
    std::uint32_t order = kLoadedOrder;
    std::uint32_t confirming = 0;    // receipts under way of which the first to be committed confirms it
    std::uint16_t max_fragment = 0;  // RFC 6066 section 4, bytes of plaintext; 0: not limited
    bool confirmed = false;
    bool superseded = false;  // the commit of another one ends it
    bool durable = false;

    bool is_address_bound() const { return records.own_cid.empty(); }
};
static_assert(sizeof(Session) <= 248);

}  // namespace narrowgate::dtls
