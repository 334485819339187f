// SPDX-License-Identifier: Apache-2.0
//
// The header of a DTLS record (RFC 6347 section 4.1, RFC 9146 section 4), and the cutting of a datagram into
// records.
#pragma once

#include <cstdint>
#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/dtls/record_layer.hpp"

namespace narrowgate::dtls {

inline constexpr std::uint16_t kDtls10 = 0xfeff;  // in ClientHello records and HelloVerifyRequest
inline constexpr std::uint16_t kDtls12 = 0xfefd;
inline constexpr std::size_t kPlainHeaderBytes = 13;  // type 1, version 2, epoch 2, sequence 6, length 2
inline constexpr std::uint64_t kSequenceEnd = std::uint64_t{1} << 48;

struct RecordHeader {
    ContentType type{};
    std::uint16_t version = 0;
    std::uint16_t epoch = 0;
    std::uint64_t sequence = 0;
    ByteView cid;       // of records of type tls12_cid
    ByteView fragment;  // behind the header
    ByteView whole;
};

// Takes the first record off `rest`. Records of type tls12_cid carry a CID of `cid_bytes`. Nothing when what
// is there is not a record of DTLS 1.0 or 1.2, whole and of a content type that exists; `rest` is then spent.
std::optional<RecordHeader> take_record(ByteView& rest, std::size_t cid_bytes);

// Appends the header of an unprotected record.
void append_header(Bytes& out, ContentType type, std::uint16_t version, std::uint16_t epoch,
                   std::uint64_t sequence, std::size_t fragment_bytes);

}  // namespace narrowgate::dtls
