// SPDX-License-Identifier: Apache-2.0
//
// Dice that fall the same way for the same seed.
#pragma once

#include <cstdint>
#include <random>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::sim {

// Thread: its owner's.
class Chance {
public:
    explicit Chance(std::uint64_t seed) : random_(seed) {}

    bool happens(double probability) {
        return probability > 0 && std::bernoulli_distribution(probability)(random_);
    }
    // Evenly drawn from [least, most].
    milliseconds between(milliseconds least, milliseconds most) {
        return milliseconds(
            std::uniform_int_distribution<milliseconds::rep>(least.count(), most.count())(random_));
    }
    // Until the next of events that come independently, so often on average; at least 1 ms.
    milliseconds wait(milliseconds mean) {
        const double drawn = std::exponential_distribution(1 / static_cast<double>(mean.count()))(random_);
        return milliseconds(static_cast<milliseconds::rep>(drawn) + 1);
    }
    // Evenly drawn from [0, count).
    unsigned below(unsigned count) { return std::uniform_int_distribution<unsigned>(0, count - 1)(random_); }
    // For the dice of a part.
    std::uint64_t seed() { return random_(); }

private:
    std::mt19937_64 random_;
};

}  // namespace narrowgate::sim
