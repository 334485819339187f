// SPDX-License-Identifier: Apache-2.0
//
// The AEAD of a record, without the session around it: RFC 6655 (CCM), RFC 5288 (GCM), with the additional
// data of RFC 6347 section 4.1.2.1 or, for records with a CID, of RFC 9146 section 5. The ciphers are
// mbedTLS's.
#pragma once

#include <cstdint>
#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/dtls/record_layer.hpp"
#include "narrowgate/dtls/record_state.hpp"
#include "record_header.hpp"

namespace narrowgate::dtls {

inline constexpr std::uint16_t kProtectedEpoch = 1;  // the only one: there is no renegotiation
inline constexpr std::size_t kExplicitNonceBytes = 8;

std::size_t tag_bytes(CipherSuite suite);

// Bytes of text in a protected fragment of `fragment_bytes`; nothing when it is too short to hold any.
std::optional<std::size_t> text_bytes_of(CipherSuite suite, std::size_t fragment_bytes);

// Opens `record`'s fragment into `out`, which holds the text. False, and nothing of the text in `out`, when
// it does not authenticate.
bool open_fragment(CipherSuite suite, ByteView key, ByteView iv, const RecordHeader& record,
                   MutableBytes out);

// Seals in place. `fragment` holds room for the explicit nonce, then the text, then room for the tag.
// `epoch_and_sequence` serves as the explicit nonce (RFC 6655 section 3), so it never repeats under a key.
void seal_fragment(CipherSuite suite, ByteView key, ByteView iv, ContentType outer_type,
                   std::uint64_t epoch_and_sequence, ByteView cid, MutableBytes fragment);

}  // namespace narrowgate::dtls
