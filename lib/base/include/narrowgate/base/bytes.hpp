// SPDX-License-Identifier: Apache-2.0
//
// Bytes, and readers and writers of them that cannot run past an end. Integers are in network byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace narrowgate {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// The bytes of `text`; valid as long as `text` is.
ByteView bytes_of(std::string_view text);
// The same bytes as text; valid as long as `bytes` are. Makes no claim that they are UTF-8.
std::string_view text_of(ByteView bytes);

// Whether both hold the same bytes, in time that depends on their lengths alone.
bool equal_in_constant_time(ByteView left, ByteView right);

// Lower-case hexadecimal, two characters a byte.
std::string to_hex(ByteView bytes);
// Nothing when `hex` has an odd length or a character that is no hexadecimal digit (either case is read).
std::optional<Bytes> from_hex(std::string_view hex);

// Base64 of RFC 4648 section 4 (with padding), and of section 5 (URL alphabet, without padding).
std::string to_base64(ByteView bytes);
std::string to_base64url(ByteView bytes);
// Reads section 5's alphabet, padding optional. Nothing when it is not that.
std::optional<Bytes> from_base64url(std::string_view text);

// Whether `bytes` are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(ByteView bytes);
// Of ASCII.
inline bool is_control(unsigned char c) {
    return c < 0x20 || c == 0x7f;
}

// Reads from the front of a view. A read that would pass the end returns nothing (or false), moves
// nothing, and leaves the reader failed: a chain of reads needs one check at its end.
class ByteReader {
public:
    explicit ByteReader(ByteView bytes) : rest_(bytes) {}

    // Big-endian unsigned integers of 1 to 8 bytes; 0 once the reader has failed.
    std::uint8_t u8() { return static_cast<std::uint8_t>(unsigned_integer(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(unsigned_integer(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(unsigned_integer(4)); }
    std::uint64_t u64() { return unsigned_integer(8); }
    std::uint64_t unsigned_integer(std::size_t width);

    // `count` bytes of the underlying view; empty once the reader has failed.
    ByteView take(std::size_t count);
    // A vector behind its own length of `width` bytes, as TLS writes them.
    ByteView take_prefixed(std::size_t width);
    void skip(std::size_t count) { (void)take(count); }

    ByteView rest() const { return rest_; }
    std::size_t remaining() const { return rest_.size(); }
    bool ok() const { return ok_; }
    // Everything was read and nothing failed.
    bool finished() const { return ok_ && rest_.empty(); }

private:
    ByteView rest_;
    bool ok_ = true;
};

// Appends to bytes that the caller owns and that must outlive the writer.
class ByteWriter {
public:
    explicit ByteWriter(Bytes& out) : out_(out) {}

    ByteWriter& u8(std::uint8_t value) { return unsigned_integer(value, 1); }
    ByteWriter& u16(std::uint16_t value) { return unsigned_integer(value, 2); }
    ByteWriter& u32(std::uint32_t value) { return unsigned_integer(value, 4); }
    ByteWriter& u64(std::uint64_t value) { return unsigned_integer(value, 8); }
    ByteWriter& unsigned_integer(std::uint64_t value, std::size_t width);
    ByteWriter& append(ByteView bytes);
    // A vector behind its own length of `width` bytes. `bytes` must be shorter than that can say.
    ByteWriter& append_prefixed(ByteView bytes, std::size_t width);

private:
    Bytes& out_;
};

}  // namespace narrowgate
