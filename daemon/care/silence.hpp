// SPDX-License-Identifier: Apache-2.0
//
// When a report is missing. Times are service time (Store::service_time()): what passes while the gateway is
// stopped makes nobody silent, nor does a clock that jumps.
#pragma once

#include <cstdint>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Reports missed in a silence of that length. One counts as missed when it is half an interval late: nodes
// keep no exact time, and networks hold things up.
constexpr std::uint64_t missed_reports(seconds silence, seconds interval) {
    const auto halves = interval.count() > 0 ? 2 * silence.count() / interval.count() : 0;
    return halves > 2 ? static_cast<std::uint64_t>((halves - 1) / 2) : 0;
}

}  // namespace narrowgate::daemon
