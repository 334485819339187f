// SPDX-License-Identifier: Apache-2.0
//
// Diagnostic payloads (RFC 7252 section 5.5.2): a few words of UTF-8 for the person who debugs a node. They
// cross the radio, so they are short; they carry no Content-Format.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/coap/numbers.hpp"

namespace narrowgate::coap {

inline constexpr std::size_t kMaxDiagnosticBytes = 64;

// The words for an error code; empty for a success. Lives for ever.
std::string_view diagnostic_of(Code code);

// `reason` cut to kMaxDiagnosticBytes, between two characters of UTF-8. A view into `reason`.
std::string_view short_diagnostic(std::string_view reason);

}  // namespace narrowgate::coap
