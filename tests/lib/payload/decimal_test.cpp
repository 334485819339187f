// SPDX-License-Identifier: Apache-2.0
#include "decimal.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace narrowgate::payload {
namespace {

std::string text(const std::optional<Decimal>& number) {
    if (!number) return "none";
    std::string out;
    number->append_to(out);
    return out;
}

std::string text_sum(std::string_view left, std::string_view right) {
    return text(Decimal::sum(*Decimal::from_text(left), *Decimal::from_text(right)));
}

TEST(DecimalTest, HoldsEveryIntegerOfCborExactly) {
    EXPECT_EQ(text(Decimal(std::numeric_limits<std::int64_t>::min())), "-9223372036854775808");
    EXPECT_EQ(text(Decimal::from_unsigned(std::numeric_limits<std::uint64_t>::max())),
              "18446744073709551615");
    EXPECT_EQ(text(Decimal::from_cbor_negative(std::numeric_limits<std::uint64_t>::max())),
              "-18446744073709551616");
    EXPECT_EQ(text(Decimal::from_cbor_negative(0)), "-1");
}

TEST(DecimalTest, WritesNumbersAsJsonDoes) {
    EXPECT_EQ(text(Decimal::from_text("0")), "0");
    EXPECT_EQ(text(Decimal::from_text("-0.0")), "0");
    EXPECT_EQ(text(Decimal::from_text("1.10")), "1.1");
    EXPECT_EQ(text(Decimal::from_text("100")), "100");
    EXPECT_EQ(text(Decimal::from_text("1.276020076001e+09")), "1276020076.001");
    EXPECT_EQ(text(Decimal::from_text("-0.000001")), "-0.000001");
    EXPECT_EQ(text(Decimal::from_text("1E-9")), "1e-9");
    EXPECT_EQ(text(Decimal::from_text("12.5e25")), "1.25e26");
    EXPECT_EQ(text(Decimal::from_text("100000000000000000000")), "100000000000000000000");
}

TEST(DecimalTest, ADoubleReadsBackAsTheSameDouble) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 20'000; ++i) {
        const auto value = std::bit_cast<double>(random());
        if (!std::isfinite(value)) continue;
        EXPECT_EQ(std::strtod(text(Decimal::from_double(std::abs(value))).c_str(), nullptr), std::abs(value));
    }
    EXPECT_EQ(text(Decimal::from_double(std::numeric_limits<double>::max())), "1.7976931348623157e308");
    EXPECT_EQ(text(Decimal::from_double(0.1)), "0.1");
}

TEST(DecimalTest, RefusesWhatNoDoubleHolds) {
    EXPECT_FALSE(Decimal::from_double(std::nan("")));
    EXPECT_FALSE(Decimal::from_double(HUGE_VAL));
    EXPECT_FALSE(Decimal::from_text("1e309"));
    EXPECT_FALSE(Decimal::from_text("1.8e308"));
    EXPECT_FALSE(Decimal::from_parts(1, 1'000'000'000'000));
    EXPECT_FALSE(Decimal::from_parts(1, std::numeric_limits<std::int64_t>::min()));
    EXPECT_FALSE(Decimal::from_text("0." + std::string(400, '0') + "1"));
    EXPECT_FALSE(Decimal::sum(*Decimal::from_text("1.7e308"), *Decimal::from_text("1.7e308")));
}

TEST(DecimalTest, RefusesWhatIsNoNumber) {
    for (const auto* bad : {"", "-", ".", "e5", "1e", "1e+-5", "1 ", "0x10", "1e5x", "nan", "--1", "1.2.3"})
        EXPECT_FALSE(Decimal::from_text(bad)) << bad;
}

// In doubles this sum is 0.30000000000000004.
TEST(DecimalTest, SumsGrowNoDigits) {
    EXPECT_EQ(text_sum("0.1", "0.2"), "0.3");
    EXPECT_EQ(text_sum("1700000000.1", "0.2"), "1700000000.3");
    EXPECT_EQ(text_sum("9223372036854775807", "1"), "9223372036854775808");
    EXPECT_EQ(text_sum("5", "-5"), "0");
    EXPECT_EQ(text_sum("1700000000", "-0.000001"), "1699999999.999999");
}

TEST(DecimalTest, SumsOfNumbersFarApartRoundAsDoublesDo) {
    EXPECT_EQ(text_sum("1e300", "1"), "1e300");
    EXPECT_EQ(text_sum("1", "1e-300"), "1");
}

TEST(DecimalTest, ComparesAcrossExponents) {
    EXPECT_TRUE(Decimal::from_text("1.5")->less_than(Decimal(2)));
    EXPECT_FALSE(Decimal(2).less_than(Decimal(2)));
    EXPECT_TRUE(Decimal::from_text("-1e308")->less_than(*Decimal::from_text("1.5e308")));
    EXPECT_FALSE(Decimal::from_text("1.5e308")->less_than(*Decimal::from_text("-1e308")));
    EXPECT_TRUE(Decimal::from_text("268435455.9999999")->less_than(Decimal(268435456)));
}

TEST(DecimalTest, KnowsWhichNumbersAreIntegers) {
    EXPECT_EQ(Decimal::from_text("10.0")->integer(), 10);
    EXPECT_EQ(Decimal::from_text("1e3")->integer(), 1000);
    EXPECT_EQ(Decimal::from_text("-9223372036854775808")->integer(),
              std::numeric_limits<std::int64_t>::min());
    EXPECT_FALSE(Decimal::from_text("10.5")->integer());
    EXPECT_FALSE(Decimal::from_text("9223372036854775808")->integer());
    EXPECT_FALSE(Decimal::from_text("1e19")->integer());
    EXPECT_FALSE(Decimal::from_text("93e17")->integer());
}

TEST(DecimalTest, TimesKeepTheirMicroseconds) {
    EXPECT_EQ(text(Decimal::from_time(WallTime{std::chrono::microseconds{1'772'366'400'000'001}})),
              "1772366400.000001");
    EXPECT_EQ(text(Decimal::from_time(WallTime{std::chrono::seconds{1'772'366'400}})), "1772366400");
}

}  // namespace
}  // namespace narrowgate::payload
