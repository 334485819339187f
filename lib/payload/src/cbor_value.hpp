// SPDX-License-Identifier: Apache-2.0
//
// From any CBOR item to JSON, by the advice of RFC 8949 section 6.1:
//
//   integers exact; floats by their value, NaN and infinities null; undefined null; byte strings base64url,
//   or as tags 21 to 23 ask; map keys text; bignums that fit 64 bits as integers, others base64url, with '~'
//   before a negative one; decimal fractions exact; bigfloats as doubles; other tags dropped
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cbor_reader.hpp"
#include "decimal.hpp"
#include "narrowgate/payload/validate.hpp"

namespace narrowgate::payload {

inline constexpr std::uint64_t kDecimalFractionTag = 4;  // RFC 8949 section 3.4.4

// Reads the array behind tag 4. Nothing when it is not [exponent, mantissa] or beyond a double's range.
std::optional<Decimal> read_decimal_fraction(CborReader& reader);

// Reads one item, with all that is in it, and appends its JSON to `out`. Returns the reason when it is
// refused: malformed, beyond `limits`, text that is not UTF-8, a map key that is a container, or two keys
// that are the same in JSON.
std::optional<std::string> convert_cbor(CborReader& reader, const Limits& limits, std::string& out);

// The same for a payload that is one item and nothing else.
std::optional<std::string> convert_cbor(ByteView payload, const Limits& limits, std::string& out);

}  // namespace narrowgate::payload
