// SPDX-License-Identifier: Apache-2.0
//
// Strict JSON (RFC 8259), walked without building a tree.
#pragma once

#include <optional>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {

// Why `payload` cannot be JSON, from its bytes alone: the parser takes a zero byte for the end and skips a
// byte order mark, and both would let through what others refuse.
std::optional<std::string> refuse_json_bytes(ByteView payload);

// "not JSON at byte N".
std::string json_fault(std::size_t position);

// Appends `payload`'s tokens to `out`, digits and order as they came, or returns the reason to refuse it.
std::optional<std::string> convert_json(ByteView payload, const Limits& limits, std::string& out);

}  // namespace narrowgate::payload
