// SPDX-License-Identifier: Apache-2.0
//
// Why a node shook hands again: read off what the store keeps of its device's past.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/devices/device_history.hpp"
#include "narrowgate/store/devices.hpp"

namespace narrowgate::daemon {

enum class HandshakeReason : std::uint8_t {
    kFirst,          // nothing is on record before it
    kGatewayHadOne,  // the gateway still held a session: the node started anew
    kAddressMoved,   // likewise, but it offers no CID and came from another address
    kNeverUsed,      // the session before was never used
    kClosedByNode,
    kFailedByNode,
    kDisplaced,
    kExpired,
    kRevoked,          // its credential was revoked, and the device let in again
    kRotated,          // its first handshake with the credential of a rotation
    kOtherKey,         // an import gave its identity another key
    kOtherCredential,  // it used another one of its credentials
    kForgotten,
    kUnreadable,
    kRestored,
    kMoved,
};

struct ExplainedHandshake {
    WallTime at{};
    std::string identity;  // empty when the device has no such credential any more
    HandshakeEvent handshake;
    HandshakeReason reason = HandshakeReason::kFirst;
};

struct DevicePast {
    std::vector<ExplainedHandshake> handshakes;  // newest first
    // How the last session ended, when something has ended it since.
    std::optional<SessionEnd> ended;
    WallTime ended_at{};
};

// `events` as the store gives them: newest first. Those that cannot be read are passed over.
DevicePast explain_past(const store::Device& device, std::span<const store::DeviceEvent> events);

// For programs: "first", "gateway_had_one", …
std::string_view name_of(HandshakeReason reason);
// What follows "It shook hands because ": with what to look at when it should not happen.
std::string_view words_of(HandshakeReason reason);
// The reason that a next handshake would have.
HandshakeReason reason_of(SessionEnd how);

}  // namespace narrowgate::daemon
