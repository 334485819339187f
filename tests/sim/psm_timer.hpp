// SPDX-License-Identifier: Apache-2.0
//
// The two timers of power saving mode, eight bits each: three of unit, five of value.
#pragma once

#include <optional>
#include <string_view>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim {

struct PsmTimer {
    std::optional<seconds> time;  // nothing: deactivated
};

// T3412 extended, the periodic update (3GPP TS 24.008 section 10.5.7.4a). Nothing when `bits` are not eight
// binary digits.
std::optional<PsmTimer> read_periodic_timer(std::string_view bits);
// T3324, the active time (3GPP TS 24.008 section 10.5.7.3).
std::optional<PsmTimer> read_active_timer(std::string_view bits);

}  // namespace narrowgate::sim
