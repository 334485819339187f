// SPDX-License-Identifier: Apache-2.0
//
// A month's volume at its end, for many devices at one moment.
#pragma once

#include <cstdint>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// By how much a month's volume will have grown at its end if it goes on as it began; the first day counts as
// whole.
double growth_of_month(WallTime now);

inline std::uint64_t forecast(std::uint64_t bytes_on_air, double growth) {
    return static_cast<std::uint64_t>(static_cast<double>(bytes_on_air) * growth);
}

}  // namespace narrowgate::daemon
