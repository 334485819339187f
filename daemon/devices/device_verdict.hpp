// SPDX-License-Identifier: Apache-2.0
//
// What became of a node's attempts to get through, in words: judged by what happened last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/devices/device_evidence.hpp"
#include "daemon/devices/device_service.hpp"

namespace narrowgate::daemon {

enum class Finding : std::uint8_t {
    kOk,
    kNoTrace,          // nothing was heard from it
    kInProgress,       // a handshake that is younger than its first retransmission
    kCookieLoop,       // ClientHellos, and never the cookie that they are asked for
    kFragmentedHello,  // its ClientHello does not fit one datagram
    kMalformedHello,   // or it asks for no DTLS 1.2
    kNotAdmitted,      // put off: too many at once, or too many failures of its address
    kNoCommonSuite,
    kRefused,          // a hello or a message that the protocol does not allow
    kUnknownIdentity,  // nobody's, or one that is not valid now
    kWrongKey,
    kSilenceAfterOurFlight,
    kSilenceBeforeFinished,
    kRetransmitting,  // it gets through, after many tries
    kSessionLost,     // it got through, and the session is gone
};

struct Verdict {
    Finding finding = Finding::kNoTrace;
    std::string happened{};
    std::string cause{};  // what usually leads to that; may be empty
    std::string cure{};   // what to try; may be empty
};

// What is judged. References must outlive the call.
struct DeviceCase {
    std::string_view who;
    bool running = true;                   // false: no daemon runs, and there is no evidence
    const DeviceReport* device = nullptr;  // null: `who` is no device's name or identity
    const DeviceEvidence& evidence;        // in order
    std::size_t mtu = 512;                 // dtls.mtu
    milliseconds first_wait{9000};         // dtls.handshake_timeout.min
};

Verdict judge(const DeviceCase& its);

// "no-trace", "wrong-key", …: for programs, and the headings of docs/troubleshooting.md.
std::string_view name_of(Finding finding);

}  // namespace narrowgate::daemon
