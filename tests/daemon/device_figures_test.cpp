// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/device_figures.hpp"

#include <gtest/gtest.h>

#include "daemon/care/tariff.hpp"
#include "narrowgate/store/figures.hpp"

namespace narrowgate::daemon {
namespace {

WallTime at(const char* text) {
    return from_rfc3339(text).value();
}

DeviceFigures busy_figures() {
    DeviceFigures figures;
    figures.heard = at("2026-11-26T08:00:00Z");
    figures.heard_service = 90'000;
    figures.total = {.readings = 1'000, .datagrams = 2'100, .bytes_up = 200'000, .bytes_down = 90'000};
    figures.newest = {month_of(at("2026-11-01T00:00:00Z")),
                      {.readings = 7, .datagrams = 15, .bytes_up = 900, .bytes_down = 400}};
    figures.before = {month_of(at("2026-10-01T00:00:00Z")),
                      {.readings = 30, .datagrams = 61, .bytes_up = 4'000, .bytes_down = 2'000}};
    figures.handshakes = 3;
    figures.address_moves = 12;
    figures.requests = 1'010;
    figures.repeats = 40;
    figures.missed = 5;
    figures.handshake = milliseconds(4'200);
    return figures;
}

TEST(MonthTest, MonthsBeginAtMidnightUtc) {
    EXPECT_EQ(to_text(month_of(at("2026-11-30T23:59:59.999Z"))), "2026-11");
    EXPECT_EQ(to_text(month_of(at("2026-12-01T00:00:00Z"))), "2026-12");
    // Two hours ahead of UTC it is December already.
    EXPECT_EQ(to_text(month_of(at("2026-12-01T01:30:00+02:00"))), "2026-11");
    EXPECT_EQ(month_of(at("2027-01-01T00:00:00Z")), month_of(at("2026-12-31T23:59:59Z")) + 1);
    EXPECT_EQ(to_rfc3339(begin_of(month_of(at("2026-12-24T18:00:00Z")))), "2026-12-01T00:00:00.000Z");
}

TEST(DeviceFiguresTest, WhatIsWrittenIsReadAsTheSame) {
    EXPECT_EQ(decode_figures(encode(busy_figures())), busy_figures());
    EXPECT_EQ(decode_figures(encode(DeviceFigures{})), DeviceFigures{});
    DeviceFigures huge = busy_figures();
    huge.total.bytes_up = ~std::uint64_t{0};
    EXPECT_EQ(decode_figures(encode(huge)), huge);
}

TEST(DeviceFiguresTest, ABodyIsShort) {
    EXPECT_LE(encode(busy_figures()).size(), 70U);
    DeviceFigures largest = busy_figures();
    for (std::uint64_t* value :
         {&largest.heard_service, &largest.total.readings, &largest.total.datagrams, &largest.total.bytes_up,
          &largest.total.bytes_down, &largest.handshakes, &largest.address_moves, &largest.requests,
          &largest.repeats, &largest.missed})
        *value = ~std::uint64_t{0};
    largest.newest.volume = largest.before.volume = largest.total;
    EXPECT_LE(encode(largest).size(), store::kMaxFiguresBytes);
}

TEST(DeviceFiguresTest, ADamagedBodyIsNoFigures) {
    const Bytes whole = encode(busy_figures());
    EXPECT_FALSE(decode_figures({}));
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(decode_figures(ByteView(whole).first(size))) << size;
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(decode_figures(longer));
    Bytes other_version = whole;
    other_version[0] = 2;
    EXPECT_FALSE(decode_figures(other_version));
    // A number of more than 64 bits, and a year after 9999.
    EXPECT_FALSE(decode_figures(Bytes(whole.size(), 0xff)));
    Bytes far(encode(DeviceFigures{}));
    far.erase(far.begin() + 1);
    far.insert(far.begin() + 1, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f});
    EXPECT_FALSE(decode_figures(far));
}

TEST(DeviceFiguresTest, AMonthThatBeginsKeepsTheOneBefore) {
    const Month november = month_of(at("2026-11-01T00:00:00Z"));
    DeviceFigures figures;
    figures.add(november, Volume{.bytes_up = 100});
    figures.add(november, Volume{.bytes_up = 1});
    figures.add(november + 1, Volume{.bytes_up = 20});
    EXPECT_EQ(figures.in(november).bytes_up, 101U);
    EXPECT_EQ(figures.in(november + 1).bytes_up, 20U);
    // What was heard before midnight and counted after it.
    figures.add(november, Volume{.bytes_up = 5});
    EXPECT_EQ(figures.in(november).bytes_up, 106U);
    // A device that was quiet for a whole month.
    figures.add(november + 3, Volume{.bytes_up = 3});
    EXPECT_EQ(figures.in(november + 1).bytes_up, 0U);
    EXPECT_EQ(figures.in(november + 2).bytes_up, 0U);
    EXPECT_EQ(figures.in(november + 3).bytes_up, 3U);
}

TEST(DeviceFiguresTest, AClockThatIsPutBackTakesItsVolumeWithIt) {
    const Month november = month_of(at("2026-11-01T00:00:00Z"));
    DeviceFigures figures;
    figures.add(november + 12, Volume{.bytes_up = 100});
    figures.add(november, Volume{.bytes_up = 1});
    EXPECT_EQ(figures.in(november).bytes_up, 101U);
    EXPECT_EQ(figures.in(november + 12).bytes_up, 0U);
}

TEST(DeviceFiguresTest, LaterFiguresAreAddedToThoseOnDisk) {
    const Month november = month_of(at("2026-11-01T00:00:00Z"));
    DeviceFigures later;
    later.heard = at("2026-12-01T00:00:04Z");
    later.heard_service = 90'010;
    DeviceActivity last;
    last.bytes_up = 10;
    last.repeats = 1;
    last.handshakes = 1;
    last.handshake = milliseconds(900);
    later.add(november, last);
    later.add(november + 1, last);
    DeviceFigures figures = busy_figures();
    figures.add(later);
    EXPECT_EQ(figures.heard, later.heard);
    EXPECT_EQ(figures.heard_service, 90'010U);
    EXPECT_EQ(figures.in(november).bytes_up, 910U);
    EXPECT_EQ(figures.in(november + 1).bytes_up, 10U);
    EXPECT_EQ(figures.total.bytes_up, 200'020U);
    EXPECT_EQ(figures.handshakes, 5U);
    EXPECT_EQ(figures.repeats, 42U);
    EXPECT_EQ(figures.handshake, milliseconds(900));
    EXPECT_DOUBLE_EQ(figures.repeat_ratio(), 42.0 / (1'010 + 42));
}

TEST(TariffTest, EachDatagramHasItsHeadersOnAir) {
    const Volume volume{.datagrams = 10, .bytes_up = 600, .bytes_down = 200};
    EXPECT_EQ(bytes_on_air(volume, 28), 1'080U);
    EXPECT_EQ(bytes_on_air(volume, 48), 1'280U);
}

TEST(TariffTest, OnlyWhatIsBeyondTheIncludedVolumeCosts) {
    const Tariff tariff{.included = 500'000, .price_per_mb = 0.40};
    EXPECT_DOUBLE_EQ(cost_of(0, tariff), 0);
    EXPECT_DOUBLE_EQ(cost_of(500'000, tariff), 0);
    EXPECT_DOUBLE_EQ(cost_of(1'500'000, tariff), 0.40);
}

TEST(TariffTest, AVolumeIsRoundedUpToWholeUnits) {
    const Tariff tariff{.included = 0, .price_per_mb = 1, .unit = 1'000};
    EXPECT_DOUBLE_EQ(cost_of(0, tariff), 0);
    EXPECT_DOUBLE_EQ(cost_of(1, tariff), 0.001);
    EXPECT_DOUBLE_EQ(cost_of(1'000, tariff), 0.001);
    EXPECT_DOUBLE_EQ(cost_of(1'001, tariff), 0.002);
}

TEST(TariffTest, TheForecastGoesOnAsTheMonthBegan) {
    EXPECT_EQ(forecast(1'000, at("2026-11-16T00:00:00Z")), 2'000U);
    // An hour after midnight nobody knows yet: as if the whole day had been like this.
    EXPECT_EQ(forecast(1'000, at("2026-11-01T01:00:00Z")), 30'000U);
    EXPECT_EQ(forecast(1'000, at("2026-11-30T23:59:59Z")), 1'000U);
}

}  // namespace
}  // namespace narrowgate::daemon
