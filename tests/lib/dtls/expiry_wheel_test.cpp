// SPDX-License-Identifier: Apache-2.0
#include "expiry_wheel.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace narrowgate::dtls {
namespace {

constexpr SteadyTime kWheelStart{std::chrono::hours(5)};

TEST(ExpiryWheel, IsNeverEarlyAndAtMostOneGranuleLate) {
    const seconds horizon(5120);  // a granule of 10 s
    ExpiryWheel wheel(horizon);
    std::mt19937 random(1);
    std::map<std::uint32_t, SteadyTime> due;
    for (std::uint32_t slot = 0; slot < 1000; ++slot) {
        due[slot] = kWheelStart + seconds(random() % 5120);
        wheel.schedule(slot, due[slot], kWheelStart);
    }
    for (std::uint32_t slot = 0; slot < 1000; slot += 3) {  // asked for again: they stay
        wheel.schedule(slot, kWheelStart + seconds(random() % 5120), kWheelStart);
    }
    while (const auto next = wheel.next_deadline()) {
        for (const auto slot : wheel.take_due(*next)) {
            ASSERT_TRUE(due.contains(slot));
            EXPECT_GE(*next, due[slot]);
            EXPECT_LE(*next, due[slot] + seconds(21));
            due.erase(slot);
        }
    }
    EXPECT_TRUE(due.empty());
}

TEST(ExpiryWheel, SeesEverythingAfterALongPause) {
    ExpiryWheel wheel(seconds(100));
    for (std::uint32_t slot = 0; slot < 50; ++slot)
        wheel.schedule(slot, kWheelStart + seconds(2 * slot), kWheelStart);
    EXPECT_EQ(wheel.take_due(kWheelStart + std::chrono::hours(1000)).size(), 50u);
    EXPECT_FALSE(wheel.next_deadline().has_value());
}

TEST(ExpiryWheel, WhatIsOverdueAlreadyComesWithTheNextTick) {
    ExpiryWheel wheel(seconds(100));
    wheel.schedule(7, kWheelStart - seconds(30), kWheelStart);
    ASSERT_TRUE(wheel.next_deadline().has_value());
    EXPECT_EQ(wheel.take_due(kWheelStart + seconds(1)).size(), 1u);
}

}  // namespace
}  // namespace narrowgate::dtls
