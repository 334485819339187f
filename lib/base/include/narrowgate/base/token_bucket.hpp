// SPDX-License-Identifier: Apache-2.0
//
// What may happen so often and, after a pause, so many times at once.
#pragma once

#include <algorithm>
#include <chrono>

#include "narrowgate/base/clock.hpp"

namespace narrowgate {

// Thread: one at a time.
class TokenBucket {
public:
    // Fills at `per_second` up to `capacity`, and is full at first.
    constexpr TokenBucket(double per_second, double capacity)
        : per_second_(per_second), capacity_(capacity), tokens_(capacity) {}

    // Takes a token; false when there is none. Since the last call it has filled at `share` of its rate.
    bool take(SteadyTime now, double share = 1) {
        const std::chrono::duration<double> passed = now - filled_;
        if (passed.count() > 0) {
            tokens_ = std::min(capacity_, tokens_ + passed.count() * per_second_ * share);
            filled_ = now;
        }
        if (tokens_ < 1) return false;
        tokens_ -= 1;
        return true;
    }

private:
    double per_second_;
    double capacity_;
    double tokens_;
    SteadyTime filled_{};
};

}  // namespace narrowgate
