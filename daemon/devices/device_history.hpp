// SPDX-License-Identifier: Apache-2.0
//
// What the store keeps of a device's past: its handshakes and how its sessions ended. Written by the ingress
// with the commits that begin and end sessions, read by `narrowgate device show`. The last
// store::kDeviceEventsKept of each device are kept.
//
// An event's body is a byte of version, a byte of kind, then fixed fields in network byte order:
//
//     handshake      session 8, credential 8, remote IP 16 and port 2, milliseconds 4, bytes in 4 and out 4,
//                    flights sent again 2, cipher suite 2, with CID 1: 53 bytes
//     session ended  session 8, credential 8, how 1: 19 bytes
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::daemon {

// A handshake that succeeded: its node has proved who it is. Of others nothing is written (P5).
struct HandshakeEvent {
    store::SessionId session = 0;
    store::CredentialId credential = 0;
    Address remote;
    milliseconds duration{0};         // from the ClientHello with a good cookie to the node's Finished
    std::uint32_t bytes_in = 0;       // of UDP payload
    std::uint32_t bytes_out = 0;      // without the last flight, which leaves after the commit
    std::uint16_t flights_again = 0;  // that we sent again
    std::uint16_t suite = 0;          // IANA number
    bool with_cid = false;

    bool operator==(const HandshakeEvent&) const = default;
};

// How a session ended other than by the next handshake. The numbers are on disk: none is ever given another
// meaning.
enum class SessionEnd : std::uint8_t {
    kClosedByNode = 1,  // close_notify
    kFailedByNode = 2,  // a fatal alert
    kNeverUsed = 3,     // the node shook hands again before it used it
    kDisplaced = 4,     // without CID, and too many newer ones on its address
    kExpired = 5,       // silent for dtls.session_lifetime
    kForgotten = 6,     // an operator had it forgotten
    kUnreadable = 7,    // its row on disk could not be read
    kRestored = 8,      // the store was restored from a backup, which holds no sessions
    kMoved = 9,         // exported to another gateway
};

struct SessionEndEvent {
    store::SessionId session = 0;  // 0: every one that the device had
    store::CredentialId credential = 0;
    SessionEnd how = SessionEnd::kClosedByNode;

    bool operator==(const SessionEndEvent&) const = default;
};

using HistoryEvent = std::variant<HandshakeEvent, SessionEndEvent>;

store::DeviceEvent device_event(std::string device, WallTime at, const HistoryEvent& event);
// Nothing when the body is of another version, or damaged.
std::optional<HistoryEvent> read_event(const store::DeviceEvent& event);

}  // namespace narrowgate::daemon
