// SPDX-License-Identifier: Apache-2.0
//
// The few primitives that more than one room needs, from mbedTLS. No cipher is written here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::crypto {

inline constexpr std::size_t kSha256Bytes = 32;
inline constexpr std::size_t kAes256KeyBytes = 32;
inline constexpr std::size_t kGcmNonceBytes = 12;  // NIST SP 800-38D section 5.2.1.1
inline constexpr std::size_t kGcmTagBytes = 16;

using Digest = std::array<std::uint8_t, kSha256Bytes>;

// Fills `out` from the kernel's generator (getrandom(2)). Aborts when the kernel refuses: nothing that
// needs randomness may go on without it. Thread: any.
void fill_random(MutableBytes out);
std::uint64_t random_u64();

// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104).
Digest sha256(ByteView message);
Digest hmac_sha256(ByteView key, ByteView message);

// HKDF-SHA-256 (RFC 5869), extract and expand; `bytes` at most 255 * 32.
Secret hkdf_sha256(ByteView key, ByteView salt, ByteView info, std::size_t bytes);

// AES-256-GCM (NIST SP 800-38D). `key` is 32 bytes, `nonce` 12. Sealing appends the tag of 16 bytes;
// opening returns nothing when the tag does not fit the text, the additional data, the key or the nonce.
Bytes aes256_gcm_seal(ByteView key, ByteView nonce, ByteView additional_data, ByteView plaintext);
std::optional<Secret> aes256_gcm_open(ByteView key, ByteView nonce, ByteView additional_data,
                                      ByteView sealed);

}  // namespace narrowgate::crypto
