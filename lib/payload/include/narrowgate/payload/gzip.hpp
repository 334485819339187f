// SPDX-License-Identifier: Apache-2.0
//
// Payloads compressed as a file in the gzip format (RFC 1952), which every cloud's functions can undo.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace narrowgate::payload {

// The same bytes for the same text: no time and no name is put in. Nothing when memory is short. Thread: any.
std::optional<std::string> gzip(std::string_view text);

}  // namespace narrowgate::payload
