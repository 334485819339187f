// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <array>

#include "daemon/ingress/spread.hpp"

namespace narrowgate::daemon {
namespace {

TEST(RateLimiterTest, KeepsNothingOfNodesThatAreQuiet) {
    RateLimiter limiter;
    SteadyTime now{};
    for (dtls::SessionId session = 1; session <= 5000; ++session) {
        EXPECT_FALSE(limiter.take(session, 10, now).has_value());
        now += seconds(1);
    }
    // Those of the last minute.
    EXPECT_LE(limiter.size(), 60u);
}

// All of a large fleet within one minute; then it sleeps, and only the clock turns.
TEST(RateLimiterTest, AMillionSleepingSessionsCostNothing) {
    constexpr std::size_t kSessions = 1'000'000;
    RateLimiter limiter;
    SteadyTime now{};
    for (dtls::SessionId session = 1; session <= kSessions; ++session)
        EXPECT_FALSE(limiter.take(session, 1, now).has_value());
    EXPECT_EQ(limiter.size(), kSessions);
    now += RateLimiter::kTimeToFill;
    for (int turn = 0; turn < 100; ++turn)
        limiter.expire(now);
    EXPECT_EQ(limiter.size(), 0u);
}

TEST(RateLimiterTest, ABucketThatIsStillBeingFilledStays) {
    RateLimiter limiter;
    SteadyTime now{};
    EXPECT_FALSE(limiter.take(7, 1, now).has_value());
    now += seconds(30);
    EXPECT_EQ(limiter.take(7, 1, now), seconds(30));
    now += seconds(15);
    limiter.expire(now);
    EXPECT_EQ(limiter.take(7, 1, now), seconds(15));
    now += seconds(15);
    // The first touch is a minute old, the last is not.
    limiter.expire(now);
    EXPECT_EQ(limiter.size(), 1u);
    EXPECT_FALSE(limiter.take(7, 1, now).has_value());
    EXPECT_TRUE(limiter.take(7, 1, now).has_value());
}

TEST(RateLimiterTest, AForgottenSessionStaysForgotten) {
    RateLimiter limiter;
    SteadyTime now{};
    EXPECT_FALSE(limiter.take(7, 1, now).has_value());
    limiter.forget(7);
    limiter.expire(now + RateLimiter::kTimeToFill);
    EXPECT_EQ(limiter.size(), 0u);
}

TEST(SpreadTest, IsTheSameForTheSameSeed) {
    Spread one(5);
    Spread other(5);
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(one.after(seconds(60), seconds(300)), other.after(seconds(60), seconds(300)));
}

TEST(SpreadTest, SpreadsEvenlyFromTheLeastToTheMost) {
    constexpr int kDraws = 100'000;
    Spread spread(1);
    std::array<int, 10> tenths{};
    for (int i = 0; i < kDraws; ++i) {
        const seconds after = spread.after(seconds(60), seconds(299));
        ASSERT_GE(after, seconds(60));
        ASSERT_LE(after, seconds(60 + 299));
        ++tenths[static_cast<std::size_t>((after - seconds(60)).count() / 30)];
    }
    // Ten tenths of 10 000 draws each, whose standard deviation is 95.
    for (const int tenth : tenths)
        EXPECT_NEAR(tenth, kDraws / 10, 500);
}

TEST(SpreadTest, WithNothingToSpreadOverItIsTheLeast) {
    Spread spread(1);
    EXPECT_EQ(spread.after(seconds(60), seconds(0)), seconds(60));
}

}  // namespace
}  // namespace narrowgate::daemon
