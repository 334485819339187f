// SPDX-License-Identifier: Apache-2.0
//
// Fleets, and the devices that need somebody, as operators ask for them (care_json.hpp):
//
//     fleets          {}               → {month, fleets: [fleet]}
//     devices.silent  {count?, fleet?} → {devices: [silent]}: the longest silence first
//     devices.costly  {count?, fleet?} → {devices: [costly]}: the highest forecast first
//     devices.slow    {count?}         → {devices: [slow]}: of this hour and the last, the worst first
//
// `count` is 20 when it is not given, and at most 1000.
#pragma once

#include <functional>

#include "daemon/care/care_book.hpp"
#include "daemon/control/calls.hpp"

namespace narrowgate::daemon {

// `book` must outlive `calls`.
void add_care_calls(ControlCalls& calls, CareBook& book, std::function<CareTime()> time);

}  // namespace narrowgate::daemon
