// SPDX-License-Identifier: Apache-2.0
#include "cbor_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "json_text.hpp"

namespace narrowgate::payload {
namespace {

using Kind = CborItem::Kind;
using Step = CborCounter::Step;

// RFC 8949 section 3.4.
constexpr std::uint64_t kBignumTag = 2;
constexpr std::uint64_t kNegativeBignumTag = 3;
constexpr std::uint64_t kBigfloatTag = 5;
constexpr std::uint64_t kExpectBase64urlTag = 21;
constexpr std::uint64_t kExpectBase64Tag = 22;
constexpr std::uint64_t kExpectBase16Tag = 23;

// The recursion's bound, whatever Limits say.
constexpr std::size_t kDeepest = 64;

enum class ByteForm : std::uint8_t { kBase64url, kBase64, kBase16 };

struct Parts {
    std::int64_t exponent;
    Decimal mantissa;
};

std::optional<Decimal> integer_of(const CborItem& item) {
    if (item.kind == Kind::kUnsigned) return Decimal::from_unsigned(item.argument);
    if (item.kind == Kind::kNegative) return Decimal::from_cbor_negative(item.argument);
    return std::nullopt;
}

// [exponent, mantissa], of tags 4 and 5.
std::optional<Parts> read_parts(CborReader& reader) {
    CborItem head;
    CborItem exponent;
    CborItem mantissa;
    if (!reader.next_value(head) || head.kind != Kind::kArray || head.is_indefinite || head.argument != 2)
        return std::nullopt;
    if (!reader.next_value(exponent) || !reader.next_value(mantissa)) return std::nullopt;
    const auto power = integer_of(exponent);
    const auto value = integer_of(mantissa);
    const auto small_power = power ? power->integer() : std::nullopt;
    if (!small_power || !value) return std::nullopt;
    return Parts{.exponent = *small_power, .mantissa = *value};
}

class Conversion {
public:
    Conversion(CborReader& reader, const Limits& limits, std::string& out)
        : reader_(reader), limits_(limits), out_(out), start_(out.size()) {}

    std::optional<std::string> run() {
        CborItem item;
        if (!reader_.next_value(item)) return reader_.fault();
        if (convert(item, 0, ByteForm::kBase64url)) return std::nullopt;
        return reason_;
    }

private:
    bool refuse(std::string reason) {
        reason_ = std::move(reason);
        return false;
    }

    bool convert(const CborItem& item, std::size_t depth, ByteForm form) {
        if (++items_ > limits_.max_items) return refuse(fmt::format("more than {} items", limits_.max_items));
        const bool converted = convert_kind(item, depth, form);
        if (converted && out_.size() - start_ > limits_.max_rendered_bytes)
            return refuse(fmt::format("more than {} bytes as JSON", limits_.max_rendered_bytes));
        return converted;
    }

    bool convert_kind(const CborItem& item, std::size_t depth, ByteForm form) {
        switch (item.kind) {
            case Kind::kUnsigned:
                Decimal::from_unsigned(item.argument).append_to(out_);
                return true;
            case Kind::kNegative:
                Decimal::from_cbor_negative(item.argument).append_to(out_);
                return true;
            case Kind::kFloat:
                append_float(item.number);
                return true;
            case Kind::kBoolean:
                out_ += item.argument != 0 ? "true" : "false";
                return true;
            case Kind::kNull:
            case Kind::kUndefined:
                out_ += "null";
                return true;
            case Kind::kText:
                return convert_text(item);
            case Kind::kBytes:
                return convert_bytes(item, form);
            case Kind::kArray:
            case Kind::kMap:
            case Kind::kTag:
                if (depth >= std::min(limits_.max_depth, kDeepest))
                    return refuse(
                        fmt::format("nested deeper than {}", std::min(limits_.max_depth, kDeepest)));
                if (item.kind == Kind::kArray) return convert_array(item, depth, form);
                if (item.kind == Kind::kMap) return convert_map(item, depth, form);
                return convert_tag(item, depth, form);
            case Kind::kBreak:
                break;
        }
        return refuse(reader_.fault());
    }

    void append_float(double number) {
        if (const auto decimal = Decimal::from_double(number)) {
            decimal->append_to(out_);
        } else {
            out_ += "null";
        }
    }

    // The whole of a string; the chunks of an indefinite one are joined in `joined`.
    std::optional<ByteView> whole(const CborItem& head, Bytes& joined) {
        if (!head.is_indefinite) return head.bytes;
        CborItem chunk;
        for (;;) {
            if (!reader_.next(chunk)) {
                refuse(reader_.fault());
                return std::nullopt;
            }
            if (chunk.kind == Kind::kBreak) return joined;
            // Each chunk is a string of its own (RFC 8949 section 3.2.3): a character cannot span two.
            const bool fits = chunk.kind == head.kind && !chunk.is_indefinite;
            if (!fits || (chunk.kind == Kind::kText && !is_utf8(chunk.bytes))) {
                refuse("string of indefinite length with a chunk that does not fit");
                return std::nullopt;
            }
            joined.insert(joined.end(), chunk.bytes.begin(), chunk.bytes.end());
        }
    }

    bool convert_text(const CborItem& head) {
        Bytes joined;
        const auto text = whole(head, joined);
        if (!text) return false;
        if (!is_utf8(*text)) return refuse("text that is not UTF-8");
        append_json_string(out_, text_of(*text));
        return true;
    }

    bool convert_bytes(const CborItem& head, ByteForm form) {
        Bytes joined;
        const auto bytes = whole(head, joined);
        if (!bytes) return false;
        out_ += '"';
        switch (form) {
            case ByteForm::kBase64url:
                out_ += to_base64url(*bytes);
                break;
            case ByteForm::kBase64:
                out_ += to_base64(*bytes);
                break;
            case ByteForm::kBase16:
                out_ += to_hex(*bytes);
                break;
        }
        out_ += '"';
        return true;
    }

    bool convert_array(const CborItem& head, std::size_t depth, ByteForm form) {
        CborCounter items(head);
        CborItem item;
        Step step;
        char separator = '[';
        while ((step = items.next(reader_, item)) == Step::kItem) {
            out_ += std::exchange(separator, ',');
            if (!convert(item, depth + 1, form)) return false;
        }
        if (step == Step::kFault) return refuse(reader_.fault());
        out_ += separator == '[' ? "[]" : "]";
        return true;
    }

    bool convert_map(const CborItem& head, std::size_t depth, ByteForm form) {
        CborCounter pairs(head);
        CborItem item;
        Step step;
        char separator = '{';
        std::vector<std::pair<std::size_t, std::size_t>> keys;  // where in out_, how long
        while ((step = pairs.next(reader_, item)) == Step::kItem) {
            out_ += std::exchange(separator, ',');
            const std::size_t begin = out_.size();
            if (!convert_key(item)) return false;
            keys.emplace_back(begin, out_.size() - begin);
            out_ += ':';
            if (!reader_.next_value(item)) return refuse(reader_.fault());
            if (!convert(item, depth + 1, form)) return false;
        }
        if (step == Step::kFault) return refuse(reader_.fault());
        out_ += separator == '{' ? "{}" : "}";
        return has_distinct(keys) || refuse("two map keys that are the same in JSON");
    }

    bool convert_key(const CborItem& key) {
        if (key.kind == Kind::kArray || key.kind == Kind::kMap || key.kind == Kind::kTag)
            return refuse("map key that is no text, number or byte string");
        const bool is_string = key.kind == Kind::kText || key.kind == Kind::kBytes;
        if (!is_string) out_ += '"';
        if (!convert(key, 0, ByteForm::kBase64url)) return false;
        if (!is_string) out_ += '"';
        return true;
    }

    bool has_distinct(std::vector<std::pair<std::size_t, std::size_t>>& keys) const {
        const std::string_view text = out_;
        const auto key_text = [&](const auto& key) { return text.substr(key.first, key.second); };
        std::ranges::sort(keys, {}, key_text);
        return std::ranges::adjacent_find(keys, {}, key_text) == keys.end();
    }

    bool convert_tag(const CborItem& tag, std::size_t depth, ByteForm form) {
        switch (tag.argument) {
            case kBignumTag:
            case kNegativeBignumTag:
                return convert_bignum(tag.argument == kNegativeBignumTag);
            case kDecimalFractionTag: {
                const auto number = read_decimal_fraction(reader_);
                if (!number) return refuse("decimal fraction that is malformed or out of range");
                number->append_to(out_);
                return true;
            }
            case kBigfloatTag:
                return convert_bigfloat();
            case kExpectBase64urlTag:
                form = ByteForm::kBase64url;
                break;
            case kExpectBase64Tag:
                form = ByteForm::kBase64;
                break;
            case kExpectBase16Tag:
                form = ByteForm::kBase16;
                break;
            default:
                break;
        }
        CborItem item;
        if (!reader_.next_value(item)) return refuse(reader_.fault());
        return convert(item, depth + 1, form);
    }

    bool convert_bignum(bool is_negative) {
        CborItem item;
        if (!reader_.next_value(item)) return refuse(reader_.fault());
        if (item.kind != Kind::kBytes) return refuse("bignum that is no byte string");
        Bytes joined;
        auto magnitude = whole(item, joined);
        if (!magnitude) return false;
        while (!magnitude->empty() && magnitude->front() == 0)
            magnitude = magnitude->subspan(1);
        if (magnitude->size() <= sizeof(std::uint64_t)) {
            std::uint64_t value = 0;
            for (const auto byte : *magnitude)
                value = value << 8 | byte;
            (is_negative ? Decimal::from_cbor_negative(value) : Decimal::from_unsigned(value))
                .append_to(out_);
            return true;
        }
        out_ += is_negative ? "\"~" : "\"";
        out_ += to_base64url(*magnitude);
        out_ += '"';
        return true;
    }

    // mantissa * 2^exponent (RFC 8949 section 3.4.4).
    bool convert_bigfloat() {
        const auto parts = read_parts(reader_);
        if (!parts) return refuse("bigfloat that is malformed");
        const auto mantissa = parts->mantissa.integer();
        const auto exponent = static_cast<int>(std::clamp<std::int64_t>(parts->exponent, -5000, 5000));
        const double value = mantissa ? std::ldexp(static_cast<double>(*mantissa), exponent) : HUGE_VAL;
        const auto number = Decimal::from_double(value);
        if (!number) return refuse("bigfloat out of range");
        number->append_to(out_);
        return true;
    }

    CborReader& reader_;
    const Limits& limits_;
    std::string& out_;
    const std::size_t start_;
    std::size_t items_ = 0;
    std::string reason_;
};

}  // namespace

std::optional<Decimal> read_decimal_fraction(CborReader& reader) {
    const auto parts = read_parts(reader);
    if (!parts) return std::nullopt;
    return Decimal::from_parts(parts->mantissa, parts->exponent);
}

std::optional<std::string> convert_cbor(CborReader& reader, const Limits& limits, std::string& out) {
    return Conversion(reader, limits, out).run();
}

std::optional<std::string> convert_cbor(ByteView payload, const Limits& limits, std::string& out) {
    CborReader reader(payload);
    if (auto reason = convert_cbor(reader, limits, out)) return reason;
    if (!reader.at_end()) return "bytes after the CBOR item";
    return std::nullopt;
}

}  // namespace narrowgate::payload
