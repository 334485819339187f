// SPDX-License-Identifier: Apache-2.0
//
// The one walk behind the check at ingest, the envelope and the batch.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/payload/content_format.hpp"
#include "narrowgate/payload/validate.hpp"
#include "record_form.hpp"

namespace narrowgate::payload {

// What was acknowledged is rendered whatever the fleet's limits are by now. Only the bounds that keep memory
// flat for input that nobody checked are left.
inline constexpr Limits kRenderLimits{.max_records = std::numeric_limits<std::size_t>::max(),
                                      .max_depth = 64,
                                      .max_items = std::numeric_limits<std::size_t>::max(),
                                      .max_name_bytes = std::numeric_limits<std::size_t>::max(),
                                      .max_rendered_bytes = std::size_t{1024} * 1024};

// Whether payloads of this format are SenML packs.
constexpr bool is_senml(std::optional<ContentFormat> format) {
    return format == kSenmlJson || format == kSenmlCbor;
}

// Appends the envelope's last member, `"senml":[…]`, `"value":…`, `"text":"…"` or `"base64":"…"`. Returns the
// reason when the payload is refused; `out` then ends in part of a member.
std::optional<std::string> append_content(std::optional<ContentFormat> format, ByteView payload,
                                          const Limits& limits, WallTime received, std::string& out);

// The records alone, in a form of the caller's. `format` is one of SenML's.
std::optional<std::string> append_senml(ContentFormat format, ByteView payload, const Limits& limits,
                                        WallTime received, RecordForm& form, std::string& out);

void append_base64(ByteView payload, std::string& out);

}  // namespace narrowgate::payload
