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
        kResolving,       // detail: the name
        kResolved,        // detail: the addresses, in the order they are tried
        kResolveFailed,   // detail: why; code: of LookUpFailure
        kConnecting,      // detail: one address; a further one starts while this is unanswered (RFC 8305)
        kConnectFailed,   // detail: address and the system's words; code: its errno, ETIMEDOUT for silence
        kConnected,       // detail: local and remote address, MSS and round trip of the TCP handshake
        kRecord,          // a TLS record has passed entirely, between here and the broker
        kMessage,         // our TLS has read or written a handshake message, encrypted ones too
        kTls,             // detail: version and cipher
        kCertificate,     // detail: one certificate of the broker's chain, its own first
        kOwnCertificate,  // detail: ours, sent, or why not
        kVerified,        // detail: what came of checking the chain; code: X509_V_ERR_… of OpenSSL
        kHostName,        // detail: whether the certificate is for the host of the URL; code: 0 if it is
        kAlpn,            // detail: the application protocol that the broker chose
        kAlert,           // a TLS alert; detail: its name; code: its description (RFC 8446 section 6)
        kConnect,         // MQTT's CONNECT has been written
        kConnack,         // detail: limits; code: reason (MQTT 5 section 3.2.2.2)
        kPublish,         // the first PUBLISH has been written
        kPuback,          // the first PUBACK; code: reason (MQTT 5 section 3.4.2.1)
        kClosed,          // detail: which side, and how
    };
    enum LookUpFailure : int { kNoSuchName, kNoAnswer, kResolverTrouble };

    Kind kind;
    // Since the attempt began.
    std::chrono::microseconds at{0};
    Direction direction = Direction::kToServer;
    // Of a record: content type (RFC 8446 section 5.1), handshake message type where it is readable (first
    // message of an unencrypted record, section 4), and bytes with its 5 of header. Of a message: its type
    // and bytes with its 4 of header.
    std::uint8_t content_type = 0;
    std::optional<std::uint8_t> handshake_type;
    std::size_t size_bytes = 0;
    int code = 0;
    std::string detail;
    // Bytes that had passed on the broker's connection until then.
    std::uint64_t bytes_to_server = 0;
    std::uint64_t bytes_from_server = 0;
};

// A TLS record of which a part has passed: a stall in the middle of one shows here.
struct PartialRecord {
    std::uint8_t content_type = 0;
    std::size_t seen_bytes = 0;
    std::size_t size_bytes = 0;  // 0 while its header is not whole
};

// What the kernel knows of the connection to the broker (TCP_INFO of tcp(7)).
struct TcpState {
    std::uint32_t mss_bytes = 0;        // of what we send
    std::uint32_t unacknowledged = 0;   // segments sent that the broker's side has not confirmed
    std::uint32_t retransmissions = 0;  // in all
    std::uint32_t out_of_order = 0;     // segments that came though others before them did not
};

struct ConnectionTrace {
    // Steps kept of one attempt: a handshake takes about 20. Later ones are only counted.
    static constexpr std::size_t kMaxSteps = 96;
    // Of which records, which go on for as long as the connection stands.
    static constexpr std::size_t kMaxRecords = 72;
    static constexpr std::size_t kMaxReads = 8;

    WallTime began;
    std::vector<TraceStep> steps;
    std::uint64_t bytes_to_server = 0;
    std::uint64_t bytes_from_server = 0;
    std::uint64_t steps_left_out = 0;

    // How it stands.
    std::chrono::microseconds taken{0};             // when this copy was made, since the attempt began
    std::chrono::microseconds last_from_server{0};  // when the last bytes came; 0: none did
    std::optional<PartialRecord> partial_to_server;
    std::optional<PartialRecord> partial_from_server;
    std::vector<std::size_t> last_reads;  // bytes of the last reads from the broker, the newest last
    std::optional<TcpState> tcp;          // as long as there is a connection, and of its end
};

// "   0.104 s  <- ServerHello, 127 bytes": for people.
std::string to_words(const TraceStep& step);
// "ServerHello", 2 (RFC 8446 section 4 and RFC 5246 section 7.4).
std::string handshake_name(std::uint8_t type);

}  // namespace narrowgate::mqtt
