// SPDX-License-Identifier: Apache-2.0
//
// The two clocks that a node asks its board for.
#pragma once

#include <cstdint>
#include <ctime>

namespace narrowgate::host {

inline std::uint64_t milliseconds_of(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

// Goes on evenly, from some moment before the start.
inline std::uint64_t steady_ms() {
    return milliseconds_of(CLOCK_MONOTONIC);
}

// Since 1970; a restart of the process or of the machine does not move it.
inline std::uint64_t wall_ms() {
    return milliseconds_of(CLOCK_REALTIME);
}

}  // namespace narrowgate::host
