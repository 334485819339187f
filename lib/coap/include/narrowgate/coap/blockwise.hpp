// SPDX-License-Identifier: Apache-2.0
//
// The Block1 and Block2 options (RFC 7959) as values, and slicing of a long answer for Block2. Assembly of
// uploads is in block_uploads.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/coap/numbers.hpp"

namespace narrowgate::coap {

inline constexpr std::uint8_t kMaxSzx = 6;                  // 1024 bytes; 7 is reserved
inline constexpr std::uint32_t kMaxBlockNumber = 0xf'ffff;  // 20 bits

// RFC 7959 section 2.2.
struct BlockOption {
    std::uint32_t number = 0;
    bool more = false;
    std::uint8_t szx = 0;

    bool operator==(const BlockOption&) const = default;

    std::size_t block_bytes() const { return std::size_t{16} << szx; }
    // Where the block starts in the body.
    std::size_t offset() const { return std::size_t{number} * block_bytes(); }
    // The value of the option, as a uint.
    std::uint32_t value() const { return number << 4 | (more ? 8U : 0U) | szx; }

    // Nothing for more than three bytes or the reserved size exponent 7, which is a 4.00.
    static std::optional<BlockOption> of(ByteView option_value);
};

// What a response of ours can have around its payload at most: 4 header + 8 token + 5 ETag (4 bytes)
// + 3 Content-Format + 5 Max-Age + 4 Block2 + 4 Block1 + 5 Size2 + 6 Size1 + 1 payload marker.
// Time (9 bytes) goes with a 2.04 alone, which has but Block1 of these.
inline constexpr std::size_t kLongestResponseHeadBytes = 45;

// Payload that any response can carry when a datagram of this session has room for `max_application_bytes`
// (P6); 0 when there is no room at all.
std::size_t max_response_payload(std::size_t max_application_bytes);
// The size exponent of the largest block that fits likewise; 0 (16 bytes) at the least.
std::uint8_t largest_szx(std::size_t max_application_bytes);

// A piece of a body and what the response says about it.
struct Slice {
    ByteView payload;  // of the body handed in
    std::optional<BlockOption> block2{};
    std::optional<std::uint32_t> size2{};  // bytes of the whole body, with its first block
};

// The piece of `body` that a request with the Block2 option `asked` (or none) gets: all of it when nothing
// was asked and it fits; else a block no larger than asked and no larger than fits. A block that begins
// past the end is an error, kBadRequest. The caller adds etag_of(body), by which a client sees that
// the body changed between two blocks (RFC 7959 section 2.4).
std::expected<Slice, Code> slice(ByteView body, std::optional<BlockOption> asked,
                                 std::size_t max_application_bytes);

using ETag = std::array<std::uint8_t, 4>;
// The same for the same bytes, and for no other in practice.
ETag etag_of(ByteView body);

}  // namespace narrowgate::coap
