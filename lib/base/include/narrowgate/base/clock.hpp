// SPDX-License-Identifier: Apache-2.0
//
// Two clocks, named for their use: steady for intervals and deadlines, wall for what people and other
// machines read. Rooms that do no I/O are handed a `Now`; only the event loops read a clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace narrowgate {

using std::chrono::milliseconds;
using std::chrono::seconds;

using SteadyTime = std::chrono::steady_clock::time_point;
// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

// One turn of a loop happens at one moment.
struct Now {
    SteadyTime steady;
    WallTime wall;
};

// Thread: any.
class Clock {
public:
    virtual ~Clock() = default;
    virtual Now now() const = 0;
};

class SystemClock final : public Clock {
public:
    Now now() const override;
};

// "2026-03-01T12:00:00.123Z" (RFC 3339, UTC, milliseconds).
std::string to_rfc3339(WallTime time);
// Reads RFC 3339 with any offset and up to nine digits of fraction. Nothing when it is not that.
std::optional<WallTime> from_rfc3339(std::string_view text);

// "1 d 2 h", "3.5 s", "250 ms": for people.
std::string to_words(std::chrono::microseconds duration);

}  // namespace narrowgate
