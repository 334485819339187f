// SPDX-License-Identifier: Apache-2.0
//
// Writing JSON text (RFC 8259), and words for a reason to refuse some.
#pragma once

#include <string>
#include <string_view>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::payload {

// Appends `text` in quotes, escaped. Each byte that is not part of well-formed UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Appends well-formed JSON without the white space between its tokens; numbers keep their digits.
void append_compact_json(std::string& out, std::string_view json);

// At most 16 characters of hostile text, safe to send to a person: what is not plain becomes '?'.
std::string excerpt_of(std::string_view text);

}  // namespace narrowgate::payload
