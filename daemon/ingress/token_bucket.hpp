// SPDX-License-Identifier: Apache-2.0
//
// What may happen so often and, after a pause, so many times at once.
#pragma once

#include <algorithm>
#include <chrono>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Thread: one at a time.
class TokenBucket {
public:
    // Fills at `per_second` up to `capacity`, and is full at first.
    constexpr TokenBucket(double per_second, double capacity)
        : per_second_(per_second), capacity_(capacity), tokens_(capacity) {}

    // Takes a token; false when there is none.
    bool take(SteadyTime now) {
        const std::chrono::duration<double> passed = now - filled_;
        if (passed.count() > 0) {
            tokens_ = std::min(capacity_, tokens_ + passed.count() * per_second_);
            filled_ = now;
        }
        if (tokens_ < 1) return false;
        tokens_ -= 1;
        return true;
    }

private:
    const double per_second_;
    const double capacity_;
    double tokens_;
    SteadyTime filled_{};
};

}  // namespace narrowgate::daemon
