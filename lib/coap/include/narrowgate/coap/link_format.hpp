// SPDX-License-Identifier: Apache-2.0
//
// What GET /.well-known/core answers (RFC 6690): the resources a node may use, as application/link-format.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace narrowgate::coap {

// The path of the list itself (RFC 6690 section 4).
inline constexpr std::string_view kWellKnownCore = ".well-known/core";

struct Link {
    std::string path;                              // without the leading slash, percent-encoded where needed
    std::vector<std::uint16_t> content_formats{};  // "ct" (RFC 7252 section 7.2.1)
    std::string resource_type{};                   // "rt" (RFC 6690 section 3.1); empty: not said
};

// `</telemetry>;ct="110 112";rt="telemetry"`, links in the order given, separated by commas.
std::string to_link_format(std::span<const Link> links);

}  // namespace narrowgate::coap
