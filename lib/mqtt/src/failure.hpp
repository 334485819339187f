// SPDX-License-Identifier: Apache-2.0
//
// Why a connection attempt failed, in words and with a cure. The library says "TCP/TLS connect failure"; the
// trace of the attempt and what the library tells its own trace say the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "narrowgate/base/error.hpp"
#include "narrowgate/mqtt/options.hpp"
#include "narrowgate/mqtt/reason_code.hpp"
#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

// "unknown CA" for 48 (RFC 8446 section 6).
std::string alert_name(std::uint8_t description);

// Of an attempt whose CONNECT was refused with `code`.
Error refused_connect(const ConnectionOptions& options, ReasonCode code);

// Of an attempt that failed in TLS or had no CONNACK. `library_words` are for when nothing better is known.
Error failed_connect(const ConnectionOptions& options, const ConnectionTrace& trace, bool timed_out,
                     const std::string& library_words);

// Of a connection that stood and is lost. `said` is the reason of the broker's DISCONNECT, if it sent one.
Error lost_connection(const ConnectionOptions& options, const ConnectionTrace& trace,
                      std::optional<ReasonCode> said);

}  // namespace narrowgate::mqtt
