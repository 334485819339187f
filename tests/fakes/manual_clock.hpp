// SPDX-License-Identifier: Apache-2.0
//
// Time that moves only when a test says so. Both clocks start at a round moment and move together, unless
// the test makes the wall clock jump.
#pragma once

#include "narrowgate/base/clock.hpp"

namespace narrowgate::fakes {

// Thread: the test's.
class ManualClock final : public Clock {
public:
    Now now() const override { return now_; }

    void advance(std::chrono::microseconds by) {
        now_.steady += by;
        now_.wall += by;
    }
    // The wall clock alone, as when an operator or NTP sets it.
    void jump_wall(std::chrono::microseconds by) { now_.wall += by; }

private:
    Now now_{SteadyTime(std::chrono::hours(1)), WallTime(std::chrono::seconds(1'767'225'600))};  // 2026-01-01
};

}  // namespace narrowgate::fakes
