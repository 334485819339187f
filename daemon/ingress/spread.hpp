// SPDX-License-Identifier: Apache-2.0
//
// Spreads nodes that are told to come back later, so that they do not come back in one wave.
#pragma once

#include <cstdint>
#include <random>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Thread: its shard's. Not for secrets.
class Spread {
public:
    explicit Spread(std::uint64_t seed) : generator_(seed) {}

    // `least`, and evenly up to `over` more.
    seconds after(seconds least, seconds over) {
        return least + seconds(std::uniform_int_distribution<std::int64_t>(0, over.count())(generator_));
    }

private:
    std::mt19937_64 generator_;
};

}  // namespace narrowgate::daemon
