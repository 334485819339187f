// SPDX-License-Identifier: Apache-2.0
#include "log_text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>

namespace narrowgate {
namespace {

constexpr char32_t kLineSeparator = 0x2028;
constexpr char32_t kParagraphSeparator = 0x2029;

struct Character {
    char32_t point = 0;
    std::size_t bytes = 0;  // 0: `text` does not begin with valid UTF-8
};

// Table 3-7 of the Unicode Standard (RFC 3629 section 4): no overlong form, no surrogate, nothing above
// U+10FFFF.
Character first_of(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
    char32_t point = lead & (0x7fU >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        point = point << 6 | (byte(i) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[bytes] || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) return {};
    return {point, bytes};
}

bool may_stand(char32_t point) {
    const bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
    return !control && point != kLineSeparator && point != kParagraphSeparator;
}

}  // namespace

std::string one_line(std::string_view text) {
    std::string line;
    line.reserve(std::min(text.size(), kMaxLogTextBytes));
    for (std::size_t at = 0; at < text.size();) {
        if (at >= kMaxLogTextBytes) return line + "...";
        const Character first = first_of(text.substr(at));
        const std::string_view bytes = text.substr(at, std::max<std::size_t>(first.bytes, 1));
        at += bytes.size();
        if (first.bytes != 0 && may_stand(first.point)) {
            line += bytes;
        } else if (bytes == "\n") {
            line += "\\n";
        } else if (bytes == "\t") {
            line += "\\t";
        } else {
            for (const char byte : bytes)
                fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<std::uint8_t>(byte));
        }
    }
    return line;
}

std::string quoted_if_needed(std::string_view value) {
    if (!value.empty() && value.find_first_of(" \"=") == std::string_view::npos) return std::string(value);
    std::string quoted = "\"";
    for (const char character : value) {
        if (character == '"' || character == '\\') quoted += '\\';
        quoted += character;
    }
    return quoted + '"';
}

}  // namespace narrowgate
