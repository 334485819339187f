// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/bytes.hpp"

#include <array>
#include <cstdlib>

namespace narrowgate {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64UrlDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

std::string base64(ByteView bytes, std::string_view digits, bool padded) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (k < count ? bytes[i + k] : 0U);
        for (std::size_t k = 0; k < 4; ++k) {
            if (k <= count) {
                out.push_back(digits[group >> (18 - 6 * k) & 0x3f]);
            } else if (padded) {
                out.push_back('=');
            }
        }
    }
    return out;
}

}  // namespace

ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool equal_in_constant_time(ByteView left, ByteView right) {
    if (left.size() != right.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < left.size(); ++i)
        difference |= static_cast<unsigned>(left[i] ^ right[i]);
    return difference == 0;
}

std::string to_hex(ByteView bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        out.push_back(kHexDigits[byte >> 4]);
        out.push_back(kHexDigits[byte & 0xf]);
    }
    return out;
}

std::optional<Bytes> from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) return std::nullopt;
    Bytes out;
    out.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const int high = hex_value(hex[i]);
        const int low = hex_value(hex[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return out;
}

std::string to_base64(ByteView bytes) {
    return base64(bytes, kBase64Digits, true);
}

std::string to_base64url(ByteView bytes) {
    return base64(bytes, kBase64UrlDigits, false);
}

std::optional<Bytes> from_base64url(std::string_view text) {
    // Padding is left out, or is what fills the last group of four.
    if (text.ends_with('=') && text.size() % 4 == 0) text.remove_suffix(text.ends_with("==") ? 2 : 1);
    if (text.size() % 4 == 1) return std::nullopt;
    Bytes out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (const char digit : text) {
        const auto value = kBase64UrlDigits.find(digit);
        if (value == std::string_view::npos) return std::nullopt;
        group = (group << 6 | static_cast<std::uint32_t>(value)) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<std::uint8_t>(group >> bits));
        }
    }
    // Bits left over must be zero, or two texts would stand for the same bytes (RFC 4648 section 3.5).
    if ((group & ((1U << bits) - 1)) != 0) return std::nullopt;
    return out;
}

bool is_utf8(ByteView bytes) {
    std::size_t i = 0;
    while (i < bytes.size()) {
        const std::uint8_t lead = bytes[i];
        std::size_t more = 0;
        std::uint8_t low = 0x80;
        std::uint8_t high = 0xbf;
        if (lead < 0x80) {
            ++i;
            continue;
        }
        if (lead >= 0xc2 && lead <= 0xdf) {
            more = 1;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            more = 2;
            if (lead == 0xe0) low = 0xa0;   // overlong
            if (lead == 0xed) high = 0x9f;  // surrogates
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            more = 3;
            if (lead == 0xf0) low = 0x90;   // overlong
            if (lead == 0xf4) high = 0x8f;  // above U+10FFFF
        } else {
            return false;
        }
        if (bytes.size() - i <= more) return false;
        for (std::size_t k = 1; k <= more; ++k) {
            const std::uint8_t byte = bytes[i + k];
            if (byte < low || byte > high) return false;
            low = 0x80;
            high = 0xbf;
        }
        i += more + 1;
    }
    return true;
}

std::uint64_t ByteReader::unsigned_integer(std::size_t width) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(width))
        value = value << 8 | byte;
    return value;
}

ByteView ByteReader::take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
        ok_ = false;
        return {};
    }
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
}

ByteView ByteReader::take_prefixed(std::size_t width) {
    const ByteView before = rest_;
    const std::uint64_t count = unsigned_integer(width);
    if (!ok_ || count > rest_.size()) {
        rest_ = before;
        ok_ = false;
        return {};
    }
    return take(static_cast<std::size_t>(count));
}

ByteWriter& ByteWriter::unsigned_integer(std::uint64_t value, std::size_t width) {
    for (std::size_t i = width; i-- > 0;)
        out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
}

ByteWriter& ByteWriter::append(ByteView bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
}

ByteWriter& ByteWriter::append_prefixed(ByteView bytes, std::size_t width) {
    if (width < sizeof(std::size_t) && bytes.size() >> (8 * width) != 0) std::abort();
    return unsigned_integer(bytes.size(), width).append(bytes);
}

}  // namespace narrowgate
