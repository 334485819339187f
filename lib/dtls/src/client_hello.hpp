// SPDX-License-Identifier: Apache-2.0
//
// The little that must be read of the two hellos outside the handshake library: of ClientHello, before
// anything is remembered of its sender; of our own ServerHello, what was agreed on.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/dtls/counters.hpp"
#include "narrowgate/dtls/datagram_trail.hpp"
#include "narrowgate/dtls/record_state.hpp"
#include "record_header.hpp"

namespace narrowgate::dtls {

inline constexpr std::size_t kRandomBytes = 32;
inline constexpr std::size_t kHandshakeHeaderBytes = 12;  // RFC 6347 section 4.2.2

// RFC 5246 section 7.4, RFC 6347 section 4.3.2.
enum class HandshakeType : std::uint8_t {
    kClientHello = 1,
    kServerHello = 2,
    kHelloVerifyRequest = 3,
    kServerHelloDone = 14,
    kClientKeyExchange = 16,
    kFinished = 20,
};

struct HandshakeHeader {
    HandshakeType type{};
    std::uint32_t length = 0;
    std::uint16_t message_sequence = 0;
    std::uint32_t fragment_offset = 0;
    std::uint32_t fragment_length = 0;
    ByteView body;  // of this fragment

    bool whole() const { return fragment_offset == 0 && fragment_length == length; }
};

// Reads one handshake message or fragment that fills `fragment`. Nothing when its lengths contradict.
std::optional<HandshakeHeader> read_handshake_header(ByteView fragment);

struct ClientHello {
    std::uint64_t record_sequence = 0;
    std::uint16_t record_version = 0;
    std::uint16_t message_sequence = 0;
    std::array<std::uint8_t, kRandomBytes> random{};
    ByteView cookie;                                         // in the record, like the next
    ByteView suites;                                         // two bytes each
    std::optional<ConnectionId<kMaxPeerCidBytes>> peer_cid;  // present: the client speaks RFC 9146
};

// Reads `record`, a handshake record of epoch 0 that begins with a ClientHello. The error is
// kFragmentedHello or kMalformedHello.
std::expected<ClientHello, Fate> read_client_hello(const RecordHeader& record);

// The answer that asks for `cookie`: shorter than any ClientHello. Its record sequence number is the
// ClientHello's, its message number 0 (RFC 6347 section 4.2.1).
Bytes hello_verify_request(const ClientHello& hello, ByteView cookie);

struct ServerHello {
    CipherSuite suite{};
    std::array<std::uint8_t, kRandomBytes> random{};
    bool with_cid = false;
    std::size_t max_fragment = 0;  // RFC 6066 section 4, bytes of plaintext in a record; 0: not limited
};

// What an unprotected record is called in a trace.
FlightPart part_of(const RecordHeader& record);

// Reads the ServerHello at the start of a flight of ours; nothing when there is none.
std::optional<ServerHello> read_server_hello(ByteView datagram);

}  // namespace narrowgate::dtls
