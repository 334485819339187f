// SPDX-License-Identifier: Apache-2.0
//
// CBOR (RFC 8949) one data item head at a time, straight from the payload: nothing is allocated, and no
// length that the input claims is believed before the bytes are there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::payload {

struct CborItem {
    enum class Kind : std::uint8_t {
        kUnsigned,  // argument
        kNegative,  // -1 - argument
        kBytes,     // bytes, or chunks follow until kBreak
        kText,      // bytes, not yet known to be UTF-8, or chunks
        kArray,     // argument items follow, or items until kBreak
        kMap,       // argument pairs follow, or pairs until kBreak
        kTag,       // argument; one item follows
        kFloat,     // number: half, single or double
        kBoolean,   // argument 0 or 1
        kNull,
        kUndefined,
        kBreak,
    };
    Kind kind = Kind::kNull;
    bool is_indefinite = false;
    std::uint64_t argument = 0;
    double number = 0;
    ByteView bytes{};  // inside the payload
};

class CborReader {
public:
    explicit CborReader(ByteView payload) : payload_(payload) {}

    // Moves past one head. False at the end of the payload and at what is not CBOR: see fault().
    bool next(CborItem& item);
    // The same, for an item that must be there and must not be a break.
    bool next_value(CborItem& item);

    bool at_end() const { return offset_ == payload_.size(); }
    std::size_t offset() const { return offset_; }
    // Why the last read failed, and where.
    std::string fault() const;

private:
    ByteView payload_;
    std::size_t offset_ = 0;
    bool is_truncated_ = false;
};

// Counts down the items of an array or the pairs of a map, of either kind of length.
class CborCounter {
public:
    explicit CborCounter(const CborItem& head) : left_(head.argument), is_indefinite_(head.is_indefinite) {}

    enum class Step : std::uint8_t { kItem, kEnd, kFault };
    // kItem: `item` is the next item or key. kEnd: there is none. kFault: see CborReader::fault().
    Step next(CborReader& reader, CborItem& item);

private:
    std::uint64_t left_;
    bool is_indefinite_;
};

}  // namespace narrowgate::payload
