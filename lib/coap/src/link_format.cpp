// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/link_format.hpp"

#include <fmt/format.h>

#include <iterator>

namespace narrowgate::coap {
namespace {

// A quoted-string (RFC 6690 section 2, from RFC 2616 section 2.2).
std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

std::string to_link_format(std::span<const Link> links) {
    std::string out;
    for (const Link& link : links) {
        if (!out.empty()) out += ',';
        fmt::format_to(std::back_inserter(out), "</{}>", link.path);
        if (link.content_formats.size() == 1) {
            fmt::format_to(std::back_inserter(out), ";ct={}", link.content_formats.front());
        } else if (!link.content_formats.empty()) {
            fmt::format_to(std::back_inserter(out), ";ct=\"{}\"", fmt::join(link.content_formats, " "));
        }
        if (!link.resource_type.empty()) out += ";rt=" + in_quotes(link.resource_type);
    }
    return out;
}

}  // namespace narrowgate::coap
