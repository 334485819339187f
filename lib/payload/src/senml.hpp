// SPDX-License-Identifier: Apache-2.0
//
// From a payload to resolved SenML, a JSON array of records in the form given. Each appends to `out` and
// returns nothing, or returns the reason why the payload is refused; `out` then ends in part of a record.
// `limits` bounds all work.
#pragma once

#include <optional>
#include <string>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/payload/validate.hpp"
#include "record_form.hpp"

namespace narrowgate::payload {

// application/senml+json, RFC 8428 section 5.
std::optional<std::string> resolve_senml_json(ByteView payload, const Limits& limits, WallTime received,
                                              RecordForm& form, std::string& out);

// application/senml+cbor, RFC 8428 section 6. Arrays and maps may have either kind of length, since small
// encoders stream; strings must be definite, as the section says.
std::optional<std::string> resolve_senml_cbor(ByteView payload, const Limits& limits, WallTime received,
                                              RecordForm& form, std::string& out);

}  // namespace narrowgate::payload
