// SPDX-License-Identifier: Apache-2.0
//
// What became of each record, and how often.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "narrowgate/dtls/session_record.hpp"

namespace narrowgate::dtls {

// The fate of one record. Each value has one counter; none but the first four lets it have any effect.
enum class Fate : std::uint8_t {
    kReceipt,            // authentic, given to the listener to be committed
    kHandshakeProgress,  // given to a handshake
    kHelloVerify,        // ClientHello without a good cookie; answered, forgotten
    kHandshakeStarted,   // ClientHello with a good cookie

    kMalformed,             // not a DTLS record of a version and type that exist, or cut short
    kFragmentedHello,       // a stateless server cannot answer it (RFC 6347 section 4.2.1)
    kMalformedHello,        // a ClientHello that contradicts itself, or asks for no DTLS 1.2
    kHandshakeShed,         // good cookie, but as many handshakes are in progress as may be
    kHandshakeNotAdmitted,  // good cookie, but the listener does not want a handshake from there now
    kHandshakeBusy,         // another ClientHello on the path of a handshake that is moving
    kStrayPlaintext,        // unprotected record that no handshake in progress waits for
    kStrayEarly,         // protected record for a handshake that has no keys yet; one is held, more are not
    kUnfittingFinished,  // protected record that does not authenticate with a handshake's keys
    kAwaitingCommit,     // for a session that is not durable yet
    kUnknownCid,
    kUnknownAddress,  // protected, without CID, from a path that has no session
    kWrongEpoch,
    kReplayed,
    kBadMac,
    kEmptyInner,          // RFC 9146 section 4: no content type inside
    kWarningAlert,        // authentic; ignored
    kUnexpectedType,      // authentic, of a content type that has no business after a handshake
    kRepeatTooSoon,       // authentic repeated flight, within Options::repeat_answer_interval
    kRepeatAfterConfirm,  // authentic handshake record after application data
};
inline constexpr std::size_t kFates = static_cast<std::size_t>(Fate::kRepeatAfterConfirm) + 1;

// "bad_mac", as metrics name it.
std::string_view name_of(Fate fate);
std::string_view name_of(EndReason reason);

// Thread: the shard's; copy to hand it on.
struct Counters {
    std::array<std::uint64_t, kFates> fates{};
    std::array<std::uint64_t, kEndReasons> sessions_ended{};
    std::uint64_t handshakes_completed = 0;
    std::uint64_t handshakes_failed = 0;  // timed out, refused, displaced or revoked
    std::uint64_t flights_retransmitted = 0;
    std::uint64_t flights_repeated_by_records = 0;  // CCS and Finished answered after hand-over
    std::uint64_t sessions_restored = 0;
    std::uint64_t sessions_abandoned = 0;  // their first commit failed
    std::uint64_t address_moves = 0;
    std::uint64_t leases_exhausted = 0;  // nothing was sealed because no durable lease covered it

    std::uint64_t of(Fate fate) const { return fates[static_cast<std::size_t>(fate)]; }
    std::uint64_t of(EndReason reason) const { return sessions_ended[static_cast<std::size_t>(reason)]; }
};

}  // namespace narrowgate::dtls
