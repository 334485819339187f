// SPDX-License-Identifier: Apache-2.0
//
// The one walk behind both the check at ingest and the envelope.
#pragma once

#include <optional>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/payload/content_format.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {

// Appends the envelope's last member, `"senml":[…]`, `"value":…`, `"text":"…"` or `"base64":"…"`. Returns the
// reason when the payload is refused; `out` then ends in part of a member.
std::optional<std::string> append_content(std::optional<ContentFormat> format, ByteView payload,
                                          const Limits& limits, WallTime received, std::string& out);

void append_base64(ByteView payload, std::string& out);

}  // namespace narrowgate::payload
