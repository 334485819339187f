// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/clock.hpp"

#include <gtest/gtest.h>

#include "fakes/manual_clock.hpp"

namespace narrowgate {
namespace {

using std::chrono::microseconds;

WallTime at(std::int64_t us) {
    return WallTime{microseconds{us}};
}

TEST(ClockTest, WritesRfc3339WithMilliseconds) {
    EXPECT_EQ(to_rfc3339(at(0)), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(at(1'772'366'400'123'999)), "2026-03-01T12:00:00.123Z");
    EXPECT_EQ(to_rfc3339(at(951'782'400'000'000)), "2000-02-29T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(at(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(ClockTest, ReadsWhatItWrote) {
    for (std::int64_t day = -1000; day < 40'000; day += 97) {
        const auto time = at(day * 86'400'000'000 + day % 7 * 3'600'000'000 + 1'000 * (day + 1000));
        EXPECT_EQ(from_rfc3339(to_rfc3339(time)), time);
    }
}

// RFC 3339 section 5.8.
TEST(ClockTest, ReadsTheExamplesOfTheRfc) {
    EXPECT_EQ(from_rfc3339("1985-04-12T23:20:50.52Z"), at(482'196'050'520'000));
    EXPECT_EQ(from_rfc3339("1996-12-19T16:39:57-08:00"), at(851'042'397'000'000));
    EXPECT_EQ(from_rfc3339("1996-12-20T00:39:57Z"), at(851'042'397'000'000));
    EXPECT_EQ(from_rfc3339("1990-12-31T23:59:60Z"), at(662'688'000'000'000));
    EXPECT_EQ(from_rfc3339("1937-01-01T12:00:27.87+00:20"), at(-1'041'337'172'130'000));
}

TEST(ClockTest, ReadsEitherCaseAndUpToNineDigits) {
    EXPECT_EQ(from_rfc3339("1970-01-01t00:00:01z"), at(1'000'000));
    EXPECT_EQ(from_rfc3339("1970-01-01T00:00:00.000001999Z"), at(1));
    EXPECT_FALSE(from_rfc3339("1970-01-01T00:00:00.0000000001Z"));
}

TEST(ClockTest, WhatIsNotATimeIsRefused) {
    for (const auto* bad : {"",
                            "1970",
                            "1970-01-01",
                            "1970-01-01T00:00:00",
                            "1970-01-01 00:00:00Z",
                            "1970-13-01T00:00:00Z",
                            "1970-00-01T00:00:00Z",
                            "1970-02-29T00:00:00Z",
                            "1970-01-32T00:00:00Z",
                            "1970-01-01T24:00:00Z",
                            "1970-01-01T00:60:00Z",
                            "1970-01-01T00:00:61Z",
                            "1970-01-01T00:00:00.Z",
                            "1970-01-01T00:00:00+0000",
                            "1970-01-01T00:00:00+24:00",
                            "1970-01-01T00:00:00+00:60",
                            "1970-01-01T00:00:00Zx",
                            "1970-1-01T00:00:00Z",
                            " 1970-01-01T00:00:00Z",
                            "1970-01-01T00:00:-1Z",
                            "+970-01-01T00:00:00Z"})
        EXPECT_FALSE(from_rfc3339(bad)) << bad;
}

TEST(ClockTest, DurationsAreShortAndNeverInPowersOfTen) {
    for (std::int64_t us = 1; us < 10'000'000'000'000; us = us * 3 / 2 + 1)
        EXPECT_EQ(to_words(microseconds{us}).find('e'), std::string::npos) << us;
    EXPECT_EQ(to_words(std::chrono::hours{26}), "1 d 2 h");
    EXPECT_EQ(to_words(milliseconds{3500}), "3.5 s");
    EXPECT_EQ(to_words(milliseconds{250}), "250 ms");
    EXPECT_EQ(to_words(-seconds{60}), "-1 min");
    EXPECT_EQ(to_words(microseconds{0}), "0 us");
    // Just below a unit, where rounding goes up.
    EXPECT_EQ(to_words(microseconds{999'999}), "1 s");
    EXPECT_EQ(to_words(microseconds{999'499}), "999 ms");
}

TEST(ManualClockTest, TheWallClockMayJumpAndTheSteadyOneMayNot) {
    fakes::ManualClock clock;
    const auto before = clock.now();
    clock.advance(seconds{5});
    clock.jump_wall(-std::chrono::hours{1});
    EXPECT_EQ(clock.now().steady - before.steady, seconds{5});
    EXPECT_EQ(clock.now().wall - before.wall, seconds{5} - std::chrono::hours{1});
}

}  // namespace
}  // namespace narrowgate
