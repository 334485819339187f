// SPDX-License-Identifier: Apache-2.0
//
// One connection attempt, step by step: where a stall or a refusal happened can be read from it afterwards.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::mqtt {

enum class Direction : std::uint8_t { kToServer, kFromServer };

struct TraceStep {
    enum class Kind : std::uint8_t {
        kResolving,      // detail: the name
        kResolved,       // detail: the addresses, in the order they are tried
        kConnecting,     // detail: one address; a further one starts while this is unanswered (RFC 8305)
        kConnectFailed,  // detail: address and the system's words
        kConnected,      // detail: local and remote address, MSS and round trip of the TCP handshake
        kRecord,         // a TLS record has passed entirely
        kAlert,          // a TLS alert in the clear; detail: level and description
        kVerified,       // paho's words on a certificate, a state or a failure of TLS
        kClosed,         // detail: which side, and how
    };

    Kind kind;
    // Since the attempt began.
    std::chrono::microseconds at{0};
    Direction direction = Direction::kToServer;
    // Of a record: content type (RFC 8446 section 5.1), handshake message type where it is readable (first
    // message of an unencrypted record, section 4), and bytes with its 5 of header.
    std::uint8_t content_type = 0;
    std::optional<std::uint8_t> handshake_type;
    std::size_t size_bytes = 0;
    std::string detail;
};

struct ConnectionTrace {
    // Steps kept of one attempt: a handshake takes about 20. Later ones are only counted.
    static constexpr std::size_t kMaxSteps = 96;

    WallTime began;
    std::vector<TraceStep> steps;
    std::uint64_t bytes_to_server = 0;
    std::uint64_t bytes_from_server = 0;
    std::uint64_t steps_left_out = 0;
};

// "   0.104 s  <- ServerHello, 127 bytes": for people.
std::string to_words(const TraceStep& step);

}  // namespace narrowgate::mqtt
