// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/handshake_reasons.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>

namespace narrowgate::daemon {
namespace {

const store::CredentialInfo* credential_of(const store::Device& device, store::CredentialId id) {
    const auto found = std::ranges::find(device.credentials, id, &store::CredentialInfo::id);
    return found != device.credentials.end() ? &*found : nullptr;
}

HandshakeReason reason_of_next(const HandshakeEvent& handshake, WallTime at, const HandshakeEvent& before,
                               std::optional<SessionEnd> end, const store::Device& device) {
    if (handshake.credential != before.credential) {
        const auto* const now = credential_of(device, handshake.credential);
        const auto* const then = credential_of(device, before.credential);
        if (now != nullptr && now->replaces == before.credential) return HandshakeReason::kRotated;
        if (then == nullptr || !then->revoked || *then->revoked > at)
            return HandshakeReason::kOtherCredential;
        return then->why_revoked == "replaced" ? HandshakeReason::kOtherKey : HandshakeReason::kRevoked;
    }
    if (end) return reason_of(*end);
    if (!before.with_cid && handshake.remote != before.remote) return HandshakeReason::kAddressMoved;
    return HandshakeReason::kGatewayHadOne;
}

struct Words {
    std::string_view name;
    std::string_view words;
};

// In the order of HandshakeReason.
constexpr std::array<Words, 16> kWords{{
    {"first", "nothing is on record before it"},
    {"gateway_had_one",
     "nothing that is on record had ended its session, so the node started anew: it was reset, or lost its "
     "state; or its session was among the damaged rows, if `narrowgate store show` counts any"},
    {"address_moved",
     "its address had changed, and without a connection ID (RFC 9146) the gateway cannot know a session "
     "again: let the node offer one"},
    {"never_used",
     "it had not used the session before: the gateway's last flight was lost, or the node gave up waiting"},
    {"closed_by_node", "the node had closed its session itself (close_notify)"},
    {"failed_by_node", "the node had ended its session with a fatal alert: its log says why"},
    {"displaced", "it offers no connection ID, and too many nodes had shaken hands on its address since"},
    {"expired", "its session had expired after dtls.session_lifetime of silence"},
    {"revoked", "its credential had been revoked, and the device was let in again"},
    {"rotated", "it used the credential of a rotation for the first time"},
    {"other_key", "an import had given its identity another key"},
    {"other_credential", "it used another one of its credentials"},
    {"forgotten", "an operator had its session forgotten"},
    {"unreadable",
     "its session on disk could not be read: the log of the start before says what else was damaged"},
    {"restored", "the gateway was restored from a backup, which holds no sessions"},
    {"moved", "its session had been exported to another gateway"},
}};

}  // namespace

HandshakeReason reason_of(SessionEnd how) {
    switch (how) {
        case SessionEnd::kClosedByNode:
            return HandshakeReason::kClosedByNode;
        case SessionEnd::kFailedByNode:
            return HandshakeReason::kFailedByNode;
        case SessionEnd::kNeverUsed:
            return HandshakeReason::kNeverUsed;
        case SessionEnd::kDisplaced:
            return HandshakeReason::kDisplaced;
        case SessionEnd::kExpired:
            return HandshakeReason::kExpired;
        case SessionEnd::kForgotten:
            return HandshakeReason::kForgotten;
        case SessionEnd::kUnreadable:
            return HandshakeReason::kUnreadable;
        case SessionEnd::kRestored:
            return HandshakeReason::kRestored;
        case SessionEnd::kMoved:
            return HandshakeReason::kMoved;
    }
    return HandshakeReason::kGatewayHadOne;
}

DevicePast explain_past(const store::Device& device, std::span<const store::DeviceEvent> events) {
    DevicePast past;
    std::optional<HandshakeEvent> former;
    for (const store::DeviceEvent& event : std::views::reverse(events)) {
        const auto read = read_event(event);
        if (!read) continue;
        if (const auto* end = std::get_if<SessionEndEvent>(&*read)) {
            const bool of_former = !former || end->session == former->session || end->session == 0;
            if (of_former && !past.ended) {
                past.ended = end->how;
                past.ended_at = event.at;
            }
            continue;
        }
        const auto& handshake = std::get<HandshakeEvent>(*read);
        ExplainedHandshake its{.at = event.at, .identity = {}, .handshake = handshake};
        if (const auto* credential = credential_of(device, handshake.credential))
            its.identity = credential->identity;
        if (former) {
            its.reason = reason_of_next(handshake, event.at, *former, past.ended, device);
        } else if (past.ended) {
            its.reason = reason_of(*past.ended);
        }
        past.handshakes.push_back(std::move(its));
        former = handshake;
        past.ended.reset();
    }
    std::ranges::reverse(past.handshakes);
    return past;
}

std::string_view name_of(HandshakeReason reason) {
    return kWords[static_cast<std::size_t>(reason)].name;
}

std::string_view words_of(HandshakeReason reason) {
    return kWords[static_cast<std::size_t>(reason)].words;
}

}  // namespace narrowgate::daemon
