// SPDX-License-Identifier: Apache-2.0
//
// The part of a diagnosis that is about TLS. Inside the room only.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "narrowgate/mqtt/diagnosis.hpp"
#include "progress.hpp"

namespace narrowgate::mqtt {

// An alert of either side, a chain that does not verify, a wrong host; nothing when none of these was seen.
std::optional<Diagnosis> refused_in_tls(const ConnectionOptions& options, const ConnectionTrace& trace,
                                        const Progress& progress);
// Of an attempt that stands still after TCP. `what` begins with how long nothing has come.
Diagnosis stalled(const ConnectionOptions& options, const ConnectionTrace& trace, const Progress& progress);
// Of one that the broker closed without an alert, before CONNACK.
Diagnosis closed_before_connack(const ConnectionOptions& options, const ConnectionTrace& trace,
                                const Progress& progress);
// Whether port and settings say that the broker waits for an application protocol (RFC 7301) in vain.
bool lacks_alpn(const ConnectionOptions& options, const Progress& progress);
Diagnosis alpn_missing(const ConnectionOptions& options, const Progress& progress);

// "2.5 s", as diagnoses write times.
std::string seconds_of(std::chrono::microseconds time);

}  // namespace narrowgate::mqtt
