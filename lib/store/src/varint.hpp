// SPDX-License-Identifier: Apache-2.0
//
// Unsigned integers of 1 to 10 bytes, seven bits each, low ones first, high bit set on all but the last
// (LEB128). Journal pages are mostly small numbers.
#pragma once

#include <cstdint>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::store {

inline void put_varint(Bytes& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

// 0 once the reader has failed. Bits beyond the 64th are cut off.
inline std::uint64_t take_varint(ByteReader& reader) {
    const ByteView rest = reader.rest();
    if (!rest.empty() && rest.front() < 0x80) {  // most are
        reader.skip(1);
        return rest.front();
    }
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const std::uint8_t byte = reader.u8();
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return reader.ok() ? value : 0;
    }
    reader.skip(reader.remaining() + 1);  // an eleventh byte: not ours
    return 0;
}

// Signed as zigzag: 0, -1, 1, -2 … become 0, 1, 2, 3 …
inline void put_signed_varint(Bytes& out, std::int64_t value) {
    put_varint(out, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

inline std::int64_t take_signed_varint(ByteReader& reader) {
    const std::uint64_t value = take_varint(reader);
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// A sum that stays defined whatever a damaged disk holds: times are stored as differences.
inline std::int64_t add_wrapping(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

inline void put_prefixed(Bytes& out, ByteView bytes) {
    put_varint(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
}

inline ByteView take_prefixed(ByteReader& reader) {
    const std::uint64_t size = take_varint(reader);
    if (size > reader.remaining()) {
        reader.skip(reader.remaining() + 1);
        return {};
    }
    return reader.take(static_cast<std::size_t>(size));
}

}  // namespace narrowgate::store
