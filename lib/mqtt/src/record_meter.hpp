// SPDX-License-Identifier: Apache-2.0
//
// Follows one direction of a TLS connection record by record (RFC 8446 section 5.1, RFC 5246 section 6.2.1),
// however the stream is cut. Bytes only pass: five of header and the first two of content are looked at.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

// RFC 8446 section 5.1 and RFC 5246 section 6.2.1.
inline constexpr std::uint8_t kTypeChangeCipherSpec = 20;
inline constexpr std::uint8_t kTypeAlert = 21;
inline constexpr std::uint8_t kTypeHandshake = 22;
inline constexpr std::uint8_t kTypeApplicationData = 23;
// Of handshake messages (RFC 8446 section 4, RFC 5246 section 7.4).
inline constexpr std::uint8_t kTypeClientHello = 1;
inline constexpr std::uint8_t kTypeServerHello = 2;
inline constexpr std::uint8_t kTypeCertificate = 11;
inline constexpr std::uint8_t kTypeCertificateRequest = 13;
inline constexpr std::uint8_t kTypeClientKeyExchange = 16;

struct RecordSeen {
    std::uint8_t content_type = 0;
    std::size_t size_bytes = 0;  // with the header
    // First bytes of the content; what they mean is only known before ChangeCipherSpec.
    std::array<std::uint8_t, 2> head{};
    std::size_t content_bytes = 0;
    bool after_change_cipher_spec = false;
};

class RecordMeter {
public:
    // Calls `on_record` for each record whose last byte is in `bytes` or was before. A stream that is not TLS
    // is noticed at its first header and not looked at again.
    void feed(ByteView bytes, const std::function<void(const RecordSeen&)>& on_record);

    // Bytes of a record that has begun and not ended; a stall in the middle of one shows here.
    std::size_t pending_bytes() const { return header_filled_ + body_seen_; }
    // The same record; nothing between records.
    std::optional<PartialRecord> pending() const;

private:
    static constexpr std::size_t kHeaderBytes = 5;
    // RFC 5246 section 6.2.3: 2^14 and 2 048 of expansion.
    static constexpr std::size_t kMaxContentBytes = 16'384 + 2'048;

    std::array<std::uint8_t, kHeaderBytes> header_{};
    std::size_t header_filled_ = 0;
    std::size_t body_bytes_ = 0;
    std::size_t body_seen_ = 0;
    std::array<std::uint8_t, 2> head_{};
    bool change_cipher_spec_seen_ = false;
    bool not_tls_ = false;
};

}  // namespace narrowgate::mqtt
