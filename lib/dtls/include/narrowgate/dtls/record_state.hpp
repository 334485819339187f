// SPDX-License-Identifier: Apache-2.0
//
// What is left of a DTLS 1.2 session when the handshake library has handed over its keys: a value of fixed
// size that can be stored, moved and restored.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::dtls {

// IANA numbers of the cipher suites we speak (RFC 6655, RFC 5487).
enum class CipherSuite : std::uint16_t {
    kPskAes128GcmSha256 = 0x00a8,
    kPskAes128Ccm = 0xc0a4,
    kPskAes128Ccm8 = 0xc0a8,
};

inline constexpr std::size_t kAes128KeyBytes = 16;
inline constexpr std::size_t kImplicitNonceBytes = 4;  // RFC 5288 section 3, RFC 6655 section 3
inline constexpr std::size_t kMaxPeerCidBytes = 32;    // what a peer may ask of us

// Bytes that wipe themselves wherever a copy of them ends.
template <std::size_t kSize>
struct WipedArray : std::array<std::uint8_t, kSize> {
    WipedArray() : std::array<std::uint8_t, kSize>{} {}
    WipedArray(const WipedArray&) = default;
    WipedArray& operator=(const WipedArray&) = default;
    ~WipedArray() { wipe(*this); }
};

// A connection ID of up to `kCapacity` bytes, in place.
template <std::size_t kCapacity>
struct ConnectionId {
    std::uint8_t size = 0;
    std::array<std::uint8_t, kCapacity> bytes{};

    ByteView view() const { return ByteView(bytes).first(size); }
    bool empty() const { return size == 0; }
    // Takes the first kCapacity bytes of `from` at most.
    void assign(ByteView from) {
        size = static_cast<std::uint8_t>(from.size() < kCapacity ? from.size() : kCapacity);
        for (std::size_t i = 0; i < size; ++i)
            bytes[i] = from[i];
    }
    bool operator==(const ConnectionId&) const = default;
};

// Epoch 1 of a session, from our side: `read` is what the peer writes.
struct RecordState {
    CipherSuite suite = CipherSuite::kPskAes128Ccm8;
    WipedArray<kAes128KeyBytes> read_key;
    WipedArray<kAes128KeyBytes> write_key;
    WipedArray<kImplicitNonceBytes> read_iv;
    WipedArray<kImplicitNonceBytes> write_iv;
    ConnectionId<8> own_cid;                  // in records we read
    ConnectionId<kMaxPeerCidBytes> peer_cid;  // in records we write

    std::uint64_t next_sequence = 0;  // to be written next; 48 bits
    std::uint64_t lease_end = 0;      // durable: numbers below may be used (P3)
    std::uint64_t right_edge = 0;     // highest number authenticated (RFC 6347 section 4.1.2.6)
    std::uint64_t window = 0;         // bit n: right_edge - n was seen; 0 before the first record
};

}  // namespace narrowgate::dtls
