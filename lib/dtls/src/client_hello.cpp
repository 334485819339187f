// SPDX-License-Identifier: Apache-2.0
#include "client_hello.hpp"

#include <algorithm>

namespace narrowgate::dtls {
namespace {

constexpr std::uint16_t kExtensionMaxFragmentLength = 1;  // RFC 6066 section 4
constexpr std::uint16_t kExtensionConnectionId = 54;      // RFC 9146 section 3

void copy_random(ByteView from, std::array<std::uint8_t, kRandomBytes>& to) {
    if (from.size() == kRandomBytes) std::ranges::copy(from, to.begin());
}

// Calls `visit(number, data)` for each extension of a hello. False when their lengths contradict. A hello may
// end before its extensions (RFC 5246 section 7.4.1.2).
template <class Visit>
bool read_extensions(ByteReader& hello, Visit visit) {
    if (hello.remaining() == 0) return hello.ok();
    ByteReader extensions(hello.take_prefixed(2));
    while (extensions.ok() && extensions.remaining() > 0) {
        const std::uint16_t number = extensions.u16();
        const ByteView data = extensions.take_prefixed(2);
        if (extensions.ok()) visit(number, data);
    }
    return hello.finished() && extensions.ok();
}

}  // namespace

std::optional<HandshakeHeader> read_handshake_header(ByteView fragment) {
    ByteReader reader(fragment);
    HandshakeHeader header;
    header.type = static_cast<HandshakeType>(reader.u8());
    header.length = static_cast<std::uint32_t>(reader.unsigned_integer(3));
    header.message_sequence = reader.u16();
    header.fragment_offset = static_cast<std::uint32_t>(reader.unsigned_integer(3));
    header.fragment_length = static_cast<std::uint32_t>(reader.unsigned_integer(3));
    header.body = reader.rest();
    if (!reader.ok() || header.body.size() != header.fragment_length ||
        header.fragment_length > header.length ||
        header.fragment_offset > header.length - header.fragment_length) {
        return std::nullopt;
    }
    return header;
}

std::expected<ClientHello, Fate> read_client_hello(const RecordHeader& record) {
    const auto header = read_handshake_header(record.fragment);
    if (!header) return std::unexpected(Fate::kMalformedHello);
    if (!header->whole()) return std::unexpected(Fate::kFragmentedHello);

    ClientHello hello;
    hello.record_sequence = record.sequence;
    hello.record_version = record.version;
    hello.message_sequence = header->message_sequence;
    ByteReader reader(header->body);
    const std::uint16_t version = reader.u16();
    copy_random(reader.take(kRandomBytes), hello.random);
    const ByteView session_id = reader.take_prefixed(1);
    hello.cookie = reader.take_prefixed(1);
    const ByteView suites = hello.suites = reader.take_prefixed(2);
    const ByteView compressions = reader.take_prefixed(1);
    bool cid_fits = true;
    const bool extensions_ok = read_extensions(reader, [&](std::uint16_t number, ByteView data) {
        if (number != kExtensionConnectionId) return;
        ByteReader extension(data);
        const ByteView cid = extension.take_prefixed(1);
        cid_fits = extension.finished() && cid.size() <= kMaxPeerCidBytes && !hello.peer_cid;
        if (cid_fits) hello.peer_cid.emplace().assign(cid);
    });
    // DTLS versions count downwards: anything above 1.2's number is older (RFC 6347 section 4.1).
    const bool speaks_dtls12 = (version >> 8) == (kDtls12 >> 8) && version <= kDtls12;
    if (!extensions_ok || !cid_fits || !speaks_dtls12 || session_id.size() > 32 || suites.empty() ||
        suites.size() % 2 != 0 || compressions.empty()) {
        return std::unexpected(Fate::kMalformedHello);
    }
    return hello;
}

Bytes hello_verify_request(const ClientHello& hello, ByteView cookie) {
    const std::size_t body_bytes = 2 + 1 + cookie.size();
    Bytes datagram;
    datagram.reserve(kPlainHeaderBytes + kHandshakeHeaderBytes + body_bytes);
    append_header(datagram, ContentType::kHandshake, hello.record_version, 0, hello.record_sequence,
                  kHandshakeHeaderBytes + body_bytes);
    ByteWriter(datagram)
        .u8(static_cast<std::uint8_t>(HandshakeType::kHelloVerifyRequest))
        .unsigned_integer(body_bytes, 3)
        .u16(0)
        .unsigned_integer(0, 3)
        .unsigned_integer(body_bytes, 3)
        .u16(kDtls10)  // whatever is negotiated later (RFC 6347 section 4.2.1)
        .append_prefixed(cookie, 1);
    return datagram;
}

FlightPart part_of(const RecordHeader& record) {
    if (record.type == ContentType::kChangeCipherSpec) return FlightPart::kChangeCipherSpec;
    if (record.type == ContentType::kAlert) return FlightPart::kAlert;
    if (record.type != ContentType::kHandshake || record.fragment.empty()) return FlightPart::kOther;
    switch (static_cast<HandshakeType>(record.fragment[0])) {
        case HandshakeType::kClientHello:
            return FlightPart::kClientHello;
        case HandshakeType::kServerHello:
            return FlightPart::kServerHello;
        case HandshakeType::kServerHelloDone:
            return FlightPart::kServerHelloDone;
        case HandshakeType::kClientKeyExchange:
            return FlightPart::kClientKeyExchange;
        case HandshakeType::kHelloVerifyRequest:
        case HandshakeType::kFinished:
            break;
    }
    return FlightPart::kOther;
}

std::optional<ServerHello> read_server_hello(ByteView datagram) {
    const auto record = take_record(datagram, 0);
    if (!record || record->type != ContentType::kHandshake) return std::nullopt;
    const auto header = read_handshake_header(record->fragment);
    if (!header || header->type != HandshakeType::kServerHello || !header->whole()) return std::nullopt;

    ServerHello hello;
    ByteReader reader(header->body);
    reader.skip(2);
    copy_random(reader.take(kRandomBytes), hello.random);
    (void)reader.take_prefixed(1);
    hello.suite = static_cast<CipherSuite>(reader.u16());
    reader.skip(1);
    const bool ok = read_extensions(reader, [&](std::uint16_t number, ByteView data) {
        if (number == kExtensionConnectionId) hello.with_cid = true;
        // Code 1 is 2^9 bytes, 4 is 2^12.
        if (number == kExtensionMaxFragmentLength && data.size() == 1) {
            hello.max_fragment = std::size_t{1} << (8 + data[0]);
        }
    });
    if (!ok) return std::nullopt;
    return hello;
}

}  // namespace narrowgate::dtls
