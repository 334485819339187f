// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/uri_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace narrowgate::coap {
namespace {

// "unreserved", "sub-delims", ":" and "@" of RFC 3986 (RFC 7252 section 6.5, step 8), but for '+'.
bool stands_for_itself(char c) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alphanumeric || (c != '\0' && std::string_view("-._~!$&'()*,;=:@").contains(c));
}

}  // namespace

std::optional<UriPath> UriPath::of(const MessageView& message, bool split_uri_path) {
    UriPath path;
    std::string_view only;
    for (const auto& [number, value] : message.options()) {
        if (number != option::kUriPath) continue;
        only = narrowgate::text_of(value);
        if (!path.add(only)) return std::nullopt;
    }
    if (!split_uri_path || path.size() != 1 || !only.contains('/')) return path;
    return of(only);
}

std::optional<UriPath> UriPath::of(std::string_view text) {
    UriPath path;
    while (!text.empty()) {
        const auto segment = text.substr(0, text.find('/'));
        text.remove_prefix(std::min(segment.size() + 1, text.size()));
        if (!segment.empty() && !path.add(segment)) return std::nullopt;
    }
    return path;
}

bool UriPath::add(std::string_view segment) {
    if (count_ == kMaxPathSegments || segment == "." || segment == "..") return false;
    if (!is_utf8(bytes_of(segment))) return false;
    segments_[count_++] = segment;
    return true;
}

std::string UriPath::text() const {
    std::string text;
    for (std::size_t index = 0; index < count_; ++index) {
        if (index > 0) text += '/';
        for (const char c : segments_[index]) {
            if (stands_for_itself(c)) {
                text += c;
            } else {
                fmt::format_to(std::back_inserter(text), "%{:02X}", static_cast<unsigned char>(c));
            }
        }
    }
    return text;
}

}  // namespace narrowgate::coap
