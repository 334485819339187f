// SPDX-License-Identifier: Apache-2.0
//
// A node whose session was never shaken hands for: credential, keys and connection ID all follow from its
// index. So one program can write a million sessions into a store, and another can speak in any of them.
#pragma once

#include <cstdint>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/record_state.hpp"
#include "narrowgate/store/devices.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::bench {

// What such a session has behind it: the client's Finished, and one request.
inline constexpr std::uint64_t kFirstFreeNumber = 2;

// --- The gateway's side, as the store keeps it

std::string identity_of(std::uint64_t index);
store::NewDevice device_of(std::uint64_t index, const std::string& fleet);
// Confirmed, from a path of its own, and heard at `now`, when the store has run for `service`.
store::SessionRow session_of(std::uint64_t index, store::CredentialId credential, WallTime now,
                             seconds service);

// --- The node's side

// Epoch 1 as the node has it; its next record has the number `next`.
dtls::RecordState records_of(std::uint64_t index, std::uint64_t next);
// A confirmable POST to /telemetry (RFC 7252) of a reading of about 50 bytes. `number` is its message ID, in
// the lower 16 bits, and its token: not to be used twice by a node within EXCHANGE_LIFETIME.
Bytes request_of(std::uint64_t index, std::uint32_t number);

enum class Answer : std::uint8_t {
    kChanged,    // 2.04, piggybacked on the acknowledgement of this very request
    kOther,      // to this request, and anything but that
    kOfAnother,  // of another exchange
};
Answer read_answer(ByteView message, std::uint32_t number);

}  // namespace narrowgate::bench
