// SPDX-License-Identifier: Apache-2.0
#include "daemon/config/units.hpp"

#include <gtest/gtest.h>

#include <array>

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;

TEST(UnitsTest, DurationsAreAWholeNumberAndAUnit) {
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("9s"), 9s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("90d"), std::chrono::days(90));
}

TEST(UnitsTest, WhatIsNoDurationIsRefused) {
    for (const auto* text : {"", "9", "s", "-9s", "+9s", " 9s", "9 s", "1.5s", "9sec", "9S",
                             "99999999999999999999s", "40000d", "18446744073709551615d"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(UnitsTest, SizesAreBytesOrAWholeNumberAndABinaryUnit) {
    EXPECT_EQ(parse_size("512"), 512U);
    EXPECT_EQ(parse_size("512B"), 512U);
    EXPECT_EQ(parse_size("16KiB"), 16U * 1024);
    EXPECT_EQ(parse_size("1GiB"), std::uint64_t{1} << 30);
    EXPECT_EQ(parse_size("8388607TiB"), std::uint64_t{8'388'607} << 40);
}

// "1GB" is refused, not guessed at: it is 7 % less than what many who write it mean.
TEST(UnitsTest, WhatIsNoSizeIsRefused) {
    for (const auto* text :
         {"", "GiB", "1GB", "1kb", "-1", "1.5GiB", "1 GiB", "8388608TiB", "18446744073709551616"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(UnitsTest, VolumesHaveDecimalUnitsToo) {
    EXPECT_EQ(parse_volume("512"), 512U);
    EXPECT_EQ(parse_volume("500KB"), 500'000U);
    EXPECT_EQ(parse_volume("500 KB"), 500'000U);
    EXPECT_EQ(parse_volume("2 MB"), 2'000'000U);
    EXPECT_EQ(parse_volume("1GB"), 1'000'000'000U);
    EXPECT_EQ(parse_volume("1 KiB"), 1'024U);
    for (const auto* text : {"", "KB", "1  KB", " 1KB", "1KB ", "1 ", "1.5MB", "1 kB", "-1", "1 TB"})
        EXPECT_FALSE(parse_volume(text)) << text;
}

TEST(UnitsTest, WhatIsWrittenIsReadAsTheSame) {
    for (const auto duration : {0ms, 1ms, 1500ms, 60'000ms, 86'400'000ms, 7'776'000'000ms})
        EXPECT_EQ(parse_duration(write_duration(duration)), duration);
    EXPECT_EQ(write_duration(std::chrono::days(90)), "90d");
    for (const std::uint64_t size : {0ULL, 1ULL, 1024ULL, 1536ULL, 1ULL << 40})
        EXPECT_EQ(parse_size(write_size(size)), size);
    EXPECT_EQ(write_size(std::uint64_t{1} << 30), "1GiB");
}

TEST(UnitsTest, PeopleReadRoundedSizes) {
    EXPECT_EQ(size_in_words(0), "0 B");
    EXPECT_EQ(size_in_words(1023), "1023 B");
    EXPECT_EQ(size_in_words(1024), "1.0 KiB");
    EXPECT_EQ(size_in_words(14'305), "14.0 KiB");
    EXPECT_EQ(size_in_words(std::uint64_t{3} << 50), "3072.0 TiB");
}

TEST(UnitsTest, TheNearestNameIsWhatAFingerMissed) {
    constexpr std::array<std::string_view, 4> kNames = {"mtu", "listen", "session_lifetime",
                                                        "handshake_timeout"};
    EXPECT_EQ(nearest("mut", kNames), "mtu");
    EXPECT_EQ(nearest("lisen", kNames), "listen");
    EXPECT_EQ(nearest("session_life_time", kNames), "session_lifetime");
    EXPECT_EQ(nearest("handshake-timeout", kNames), "handshake_timeout");
}

TEST(UnitsTest, AnotherWordIsNearToNothing) {
    constexpr std::array<std::string_view, 2> kNames = {"mtu", "listen"};
    EXPECT_FALSE(nearest("certificate", kNames));
    EXPECT_FALSE(nearest("abc", kNames));
    EXPECT_FALSE(nearest(std::string(100'000, 'm'), kNames));
}

}  // namespace
}  // namespace narrowgate::daemon
