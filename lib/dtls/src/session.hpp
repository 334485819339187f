// SPDX-License-Identifier: Apache-2.0
//
// A session whole, as it is established, written and restored. In memory it is kept smaller:
// compact_session.hpp.
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
    std::uint32_t order = 0;
    std::uint16_t max_fragment = 0;  // RFC 6066 section 4, bytes of plaintext; 0: not limited
    bool confirmed = false;
    bool durable = false;
};

}  // namespace narrowgate::dtls
