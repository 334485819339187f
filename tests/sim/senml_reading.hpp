// SPDX-License-Identifier: Apache-2.0
//
// What a simulated meter says: a SenML pack in CBOR (RFC 8428 section 6) of three records. One of them is
// named "seq" and numbers the readings of a device from 1, so that a verifier can tell them apart.
#pragma once

#include <cstdint>
#include <string>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::sim {

struct SenmlReading {
    std::string base_name;  // "wm-0001:"
    std::uint64_t sequence = 0;
    std::int64_t age_seconds = 0;  // since it was measured; given as a relative time when not 0
    double temperature_celsius = 0;
    std::uint64_t volume_litres = 0;
};

// About 50 bytes.
Bytes encode(const SenmlReading& reading);

}  // namespace narrowgate::sim
