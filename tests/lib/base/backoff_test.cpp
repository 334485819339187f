// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace narrowgate {
namespace {

using std::chrono::milliseconds;

constexpr Backoff::Options kOptions{
    .floor = milliseconds{1000}, .base = milliseconds{2000}, .cap = milliseconds{60'000}};

TEST(BackoffTest, EveryWaitIsBetweenTheFloorAndItsCeiling) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        Backoff backoff(kOptions, seed);
        milliseconds ceiling = kOptions.base;
        for (int failure = 0; failure < 100; ++failure) {
            const auto wait = backoff.next();
            EXPECT_GE(wait, kOptions.floor);
            EXPECT_LE(wait, ceiling);
            ceiling = std::min(ceiling * 2, kOptions.cap);
        }
    }
}

// Full jitter: a thousand gateways that lost one broker must not come back in step.
TEST(BackoffTest, WaitsFillTheirRange) {
    milliseconds least = kOptions.cap;
    milliseconds most{0};
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        Backoff backoff(kOptions, seed);
        for (int failure = 0; failure < 10; ++failure)
            (void)backoff.next();
        const auto wait = backoff.next();
        least = std::min(least, wait);
        most = std::max(most, wait);
    }
    EXPECT_LT(least, milliseconds{3000});
    EXPECT_GT(most, milliseconds{58'000});
}

TEST(BackoffTest, SuccessStartsOver) {
    Backoff backoff(kOptions, 1);
    for (int failure = 0; failure < 20; ++failure)
        (void)backoff.next();
    EXPECT_EQ(backoff.failures(), 20U);
    backoff.reset();
    EXPECT_EQ(backoff.failures(), 0U);
    EXPECT_LE(backoff.next(), kOptions.base);
}

TEST(BackoffTest, OneSeedOneSequence) {
    Backoff left(kOptions, 7);
    Backoff right(kOptions, 7);
    for (int failure = 0; failure < 10; ++failure)
        EXPECT_EQ(left.next(), right.next());
}

TEST(BackoffTest, AFloorAboveTheCapWins) {
    Backoff backoff({.floor = milliseconds{500}, .base = milliseconds{1}, .cap = milliseconds{100}}, 3);
    for (int failure = 0; failure < 100; ++failure)
        EXPECT_EQ(backoff.next(), milliseconds{500});
}

}  // namespace
}  // namespace narrowgate
