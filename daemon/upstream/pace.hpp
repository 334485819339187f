// SPDX-License-Identifier: Apache-2.0
//
// How fast one connection may publish. Some brokers throw away what is above their rate and say nothing: who
// stays below loses nothing and repeats nothing.
#pragma once

#include <cstddef>

#include "daemon/upstream/lanes.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// 0: no limit.
struct PaceLimits {
    double publishes_per_second = 0;
    double bytes_per_second = 0;  // topic, content type and payload

    bool operator==(const PaceLimits&) const = default;
};

// Two buckets of tokens. The backlog, and a replay behind it, leave some in each, so that what is new never
// waits for it. Thread: its owner's.
class Pace {
public:
    // Full at the start.
    explicit Pace(PaceLimits limits);

    // Whether a publish of this lane may leave now. Its size is known only when it is made, and may overdraw.
    bool allows(LaneName lane, SteadyTime now);
    void spend(std::size_t bytes);
    // When allows() will say yes, if nothing is spent meanwhile; not before the last call's `now`.
    SteadyTime allowed_at(LaneName lane) const;

private:
    class Bucket {
    public:
        Bucket(double rate, double capacity, double reserve);
        void fill(SteadyTime::duration time);
        void spend(double amount);
        // Until a publish of this lane may leave; zero: now.
        SteadyTime::duration wait(LaneName lane) const;

    private:
        double rate_;  // a second; 0: no limit
        double capacity_;
        double reserve_;  // what the backlog leaves
        double level_;
    };

    Bucket publishes_;
    Bucket bytes_;
    SteadyTime filled_{};
};

}  // namespace narrowgate::daemon
