// SPDX-License-Identifier: Apache-2.0
#include "cbor_reader.hpp"

#include <cbor.h>
#include <fmt/format.h>

namespace narrowgate::payload {
namespace {

using Kind = CborItem::Kind;

CborItem& item_of(void* context) {
    return *static_cast<CborItem*>(context);
}

template <Kind kKind, class Argument>
void on_argument(void* context, Argument argument) {
    item_of(context) = {.kind = kKind, .argument = argument};
}

template <Kind kKind>
void on_string(void* context, cbor_data data, std::size_t size) {
    item_of(context) = {.kind = kKind, .bytes = {data, size}};
}

template <Kind kKind>
void on_indefinite(void* context) {
    item_of(context) = {.kind = kKind, .is_indefinite = true};
}

template <Kind kKind>
void on_simple(void* context) {
    item_of(context) = {.kind = kKind};
}

template <class Float>
void on_float(void* context, Float number) {
    item_of(context) = {.kind = Kind::kFloat, .number = number};
}

constexpr cbor_callbacks kCallbacks = {
    .uint8 = on_argument<Kind::kUnsigned, std::uint8_t>,
    .uint16 = on_argument<Kind::kUnsigned, std::uint16_t>,
    .uint32 = on_argument<Kind::kUnsigned, std::uint32_t>,
    .uint64 = on_argument<Kind::kUnsigned, std::uint64_t>,
    .negint64 = on_argument<Kind::kNegative, std::uint64_t>,
    .negint32 = on_argument<Kind::kNegative, std::uint32_t>,
    .negint16 = on_argument<Kind::kNegative, std::uint16_t>,
    .negint8 = on_argument<Kind::kNegative, std::uint8_t>,
    .byte_string_start = on_indefinite<Kind::kBytes>,
    .byte_string = on_string<Kind::kBytes>,
    .string = on_string<Kind::kText>,
    .string_start = on_indefinite<Kind::kText>,
    .indef_array_start = on_indefinite<Kind::kArray>,
    .array_start = on_argument<Kind::kArray, std::size_t>,
    .indef_map_start = on_indefinite<Kind::kMap>,
    .map_start = on_argument<Kind::kMap, std::size_t>,
    .tag = on_argument<Kind::kTag, std::uint64_t>,
    .float2 = on_float<float>,
    .float4 = on_float<float>,
    .float8 = on_float<double>,
    .undefined = on_simple<Kind::kUndefined>,
    .null = on_simple<Kind::kNull>,
    .boolean = on_argument<Kind::kBoolean, bool>,
    .indef_break = on_simple<Kind::kBreak>,
};

}  // namespace

bool CborReader::next(CborItem& item) {
    const ByteView rest = payload_.subspan(offset_);
    const auto result = cbor_stream_decode(rest.data(), rest.size(), &kCallbacks, &item);
    if (result.status != CBOR_DECODER_FINISHED) {
        is_truncated_ = result.status == CBOR_DECODER_NEDATA;
        return false;
    }
    offset_ += result.read;
    return true;
}

bool CborReader::next_value(CborItem& item) {
    if (!next(item)) return false;
    if (item.kind != Kind::kBreak) return true;
    --offset_;
    is_truncated_ = false;
    return false;
}

std::string CborReader::fault() const {
    if (is_truncated_) return "CBOR ends in the middle of an item";
    return fmt::format("not CBOR at byte {}", offset_);
}

CborCounter::Step CborCounter::next(CborReader& reader, CborItem& item) {
    if (is_indefinite_) {
        if (!reader.next(item)) return Step::kFault;
        return item.kind == Kind::kBreak ? Step::kEnd : Step::kItem;
    }
    if (left_ == 0) return Step::kEnd;
    --left_;
    return reader.next_value(item) ? Step::kItem : Step::kFault;
}

}  // namespace narrowgate::payload
