// SPDX-License-Identifier: Apache-2.0
#include "json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace narrowgate::payload {
namespace {

// Neither to escape nor part of a longer sequence.
bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

bool needs_escape(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    }
}

// Bytes of the well-formed UTF-8 sequence at the front of `text`; 0 when there is none.
std::size_t sequence_length(std::string_view text) {
    for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length)
        if (is_utf8(bytes_of(text.substr(0, length)))) return length;
    return 0;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    if (std::ranges::all_of(text, is_plain)) {  // as names are
        out += text;
        out += '"';
        return;
    }
    const bool well_formed = is_utf8(bytes_of(text));
    std::size_t plain = 0;  // start of a stretch that is copied as it is
    for (std::size_t at = 0; at < text.size();) {
        if (needs_escape(text[at])) {
            out += text.substr(plain, at - plain);
            append_escaped(out, text[at]);
            plain = ++at;
            continue;
        }
        const std::size_t length = well_formed ? 1 : sequence_length(text.substr(at));
        if (length == 0) {
            out += text.substr(plain, at - plain);
            out += "\xEF\xBF\xBD";
            plain = at + 1;
        }
        at += std::max<std::size_t>(length, 1);
    }
    out += text.substr(plain);
    out += '"';
}

void append_compact_json(std::string& out, std::string_view json) {
    bool in_string = false;
    for (std::size_t at = 0; at < json.size(); ++at) {
        const char c = json[at];
        if (in_string && c == '\\' && at + 1 < json.size()) {
            out += c;
            out += json[++at];
            continue;
        }
        if (c == '"') in_string = !in_string;
        const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (in_string || !is_space) out += c;
    }
}

std::string excerpt_of(std::string_view text) {
    constexpr std::size_t kMaxCharacters = 16;
    std::string excerpt(text.substr(0, kMaxCharacters));
    std::ranges::replace_if(
        excerpt, [](char c) { return c < 0x20 || c > 0x7E || c == '"' || c == '\'' || c == '\\'; }, '?');
    if (text.size() > kMaxCharacters) excerpt += "...";
    return excerpt;
}

}  // namespace narrowgate::payload
