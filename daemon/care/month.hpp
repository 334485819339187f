// SPDX-License-Identifier: Apache-2.0
//
// Months of the calendar in UTC, as tariffs count them.
#pragma once

#include <cstdint>
#include <string>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Months since year 0; 0: none.
using Month = std::uint32_t;

Month month_of(WallTime time);
WallTime begin_of(Month month);
// "2026-11".
std::string to_text(Month month);

}  // namespace narrowgate::daemon
