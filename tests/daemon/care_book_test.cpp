// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/care_book.hpp"

#include <array>

#include "daemon/care_fixture.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST_F(CareBookTest, TheMonthBeginsAtMidnightUtcForFleetsAndDevices) {
    fleet_.tariff = Tariff{.included = 1'000};
    add_devices(1);
    clock_.jump_wall(from_rfc3339("2026-11-30T23:59:50Z").value() - clock_.now().wall);
    start();
    hear(1, 2'000);
    EXPECT_EQ(state().month.bytes_up, 2'000U);
    book_->turn(time());
    EXPECT_EQ(state().over_tariff, 1U);
    pass(10s);
    EXPECT_EQ(book_->month(), month_of(from_rfc3339("2026-12-01T00:00:00Z").value()));
    EXPECT_EQ(state().month.bytes_up, 0U);
    EXPECT_EQ(state().over_tariff, 0U);
    hear(1, 300);
    EXPECT_EQ(state().month.bytes_up, 300U);
    EXPECT_EQ(state().since_start.bytes_up, 2'300U);
    EXPECT_EQ(figures("wm-1").in(book_->month()).bytes_up, 300U);
    EXPECT_EQ(figures("wm-1").in(book_->month() - 1).bytes_up, 2'000U);
}

// Heard before midnight, taken from its shard after it.
TEST_F(CareBookTest, WhatWasHeardBeforeMidnightIsOfTheMonthBefore) {
    add_devices(1);
    clock_.jump_wall(from_rfc3339("2026-11-30T23:59:58Z").value() - clock_.now().wall);
    start();
    DeviceActivity activity;
    activity.bytes_up = 100;
    activity.first = clock_.now().steady;
    activity.heard = clock_.now();
    clock_.advance(5s);
    book_->take({{1, activity}}, time());
    EXPECT_EQ(state().month.bytes_up, 0U);
    EXPECT_EQ(figures("wm-1").in(month_of(from_rfc3339("2026-11-01T00:00:00Z").value())).bytes_up, 100U);
}

TEST_F(CareBookTest, FiguresAreWholeAfterARestart) {
    fleet_.tariff = Tariff{.included = 1'000};
    add_devices(2);
    start();
    hear(1, 400);
    pass(1min);
    restart(1min);
    EXPECT_EQ(state().month.bytes_up, 400U);
    hear(1, 50);
    pass(10s);
    EXPECT_EQ(state().month.bytes_up, 450U);
    EXPECT_EQ(state().since_start.bytes_up, 50U);
    EXPECT_EQ(figures("wm-1").total.bytes_up, 450U);
    EXPECT_EQ(figures("wm-1").total.readings, 2U);
}

// Nodes are heard while the store is still being read, and nothing is counted twice.
TEST_F(CareBookTest, ADeviceThatIsHeardBeforeItIsLoadedIsCountedOnce) {
    add_devices(1);
    start();
    hear(1, 400);
    pass(1h);
    write();
    book_.emplace(directory_, std::span(&fleet_, 1), log_);
    pass(3h);
    hear(1, 50);
    book_->load(disk_.at("wm-1"), time());
    book_->loaded(time());
    EXPECT_EQ(state().month.bytes_up, 450U);
    EXPECT_EQ(state().silent, 0U);
    EXPECT_EQ(figures("wm-1").total.bytes_up, 450U);
    EXPECT_EQ(figures("wm-1").missed, 3U);
}

TEST_F(CareBookTest, FiguresThatCouldNotBeWrittenAreKept) {
    add_devices(1);
    start();
    hear(1, 400);
    auto taken = book_->take_pending(10);
    hear(1, 50);
    book_->put_back(std::move(taken));
    EXPECT_EQ(figures("wm-1").total.bytes_up, 450U);
    EXPECT_EQ(book_->unwritten(), 0U);
}

TEST_F(CareBookTest, FiguresAreTakenAFewDevicesAtATime) {
    add_devices(10);
    start();
    for (store::CredentialId credential = 1; credential <= 10; ++credential)
        hear(credential);
    EXPECT_EQ(book_->take_pending(4).size(), 4U);
    EXPECT_EQ(book_->unwritten(), 6U);
    EXPECT_EQ(book_->take_pending(100).size(), 6U);
}

TEST_F(CareBookTest, ADeviceOverItsTariffIsToldOnceAMonth) {
    fleet_.tariff = Tariff{.included = 1'000, .price_per_mb = 2, .overhead = 28};
    add_devices(3);
    start();
    const std::string log = log_of([&] {
        hear(1, 900);  // and 56 bytes of headers
        hear(1, 900);
        hear(1, 900);
        hear(2, 500);
        pass(1min);
    });
    ASSERT_EQ(lines_of(log, "has used the 1000 bytes").size(), 1U) << log;
    EXPECT_THAT(log, HasSubstr("device wm-1 of fleet water-meters"));
    EXPECT_EQ(state().over_tariff, 1U);
    EXPECT_EQ(state().will_exceed, 0U);
    EXPECT_NEAR(state().cost, 2 * (3 * 956 - 1'000) / 1e6, 1e-9);
    const auto costly = book_->costly(10, kFleet, time());
    ASSERT_EQ(costly.size(), 1U);
    EXPECT_EQ(costly[0].device, "wm-1");
    EXPECT_EQ(costly[0].on_air, 3U * 956);
    EXPECT_TRUE(book_->costly(10, "another", time()).empty());
    // Known at the next start, and not told again in this month.
    EXPECT_EQ(lines_of(log_of([&] {
                           restart(10s);
                           hear(1, 900);
                           pass(1min);
                       }),
                       "has used")
                  .size(),
              0U);
    clock_.jump_wall(std::chrono::days(12));
    EXPECT_EQ(lines_of(log_of([&] {
                           pass(10s);
                           hear(1, 1'100);
                       }),
                       "has used")
                  .size(),
              1U);
}

TEST_F(CareBookTest, WhoWillExceedItsTariffIsListedBeforeItDoes) {
    fleet_.tariff = Tariff{.included = 10'000, .overhead = 0};
    add_devices(2);
    start();  // at noon of 20 November: 19.5 of 30 days are over
    hear(1, 7'000);
    hear(2, 6'000);
    pass(10s);
    EXPECT_EQ(state().over_tariff, 0U);
    EXPECT_EQ(state().will_exceed, 1U);
    const auto costly = book_->costly(10, "", time());
    ASSERT_EQ(costly.size(), 1U);
    EXPECT_EQ(costly[0].device, "wm-1");
    EXPECT_NEAR(static_cast<double>(costly[0].forecast), 7'000 * 30 / 19.5, 2);
}

TEST_F(CareBookTest, ADeviceGoesOnUnderItsNextCredential) {
    add_devices(1);
    start();
    hear(1);
    store::CredentialRow next;
    next.id = 9;
    next.identity = "wm-1#2";
    next.device = "wm-1";
    next.fleet = kFleet;
    next.psk = Secret(Bytes(16, 1));
    directory_.add(std::move(next));
    pass(30min);
    hear(9);
    directory_.remove(std::array<store::CredentialId, 1>{1});
    EXPECT_EQ(state().devices, 1U);
    pass(4h);
    ASSERT_EQ(silent().size(), 1U);
    EXPECT_EQ(silent()[0].device, "wm-1");
    EXPECT_EQ(figures("wm-1").total.readings, 2U);
    EXPECT_TRUE(book_->known_by(std::array<store::CredentialId, 1>{1}).empty());
    EXPECT_EQ(book_->known_by(std::array<store::CredentialId, 1>{9}), std::vector<std::string>{"wm-1"});
}

TEST_F(CareBookTest, ADeviceThatIsRevokedIsForgotten) {
    add_devices(2);
    start();
    hear(1);
    hear(2);
    book_->forget("wm-1");
    directory_.remove(std::array<store::CredentialId, 1>{1});
    pass(4h);
    EXPECT_EQ(state().devices, 1U);
    EXPECT_EQ(state().silent, 1U);
    EXPECT_FALSE(book_->take_pending(10).contains("wm-1"));
    book_->add("wm-3", kFleet, 3);
    pass(10s);
    EXPECT_EQ(state().devices, 2U);
    EXPECT_EQ(state().never_heard, 1U);
}

TEST_F(CareBookTest, ADeviceIsShownWithWhatIsNotWrittenYet) {
    fleet_.tariff = Tariff{.included = 1'000};
    add_devices(1);
    start();
    hear(1, 400);
    write();
    hear(1, 100);
    pass(2h);
    const DeviceFigures written = decode_figures(disk_.at("wm-1").body).value();
    const DeviceCare care = book_->care_of("wm-1", kFleet, std::nullopt, written, time());
    EXPECT_EQ(care.figures.total.bytes_up, 500U);
    EXPECT_EQ(care.on_air, 500U + 4 * 28);
    EXPECT_EQ(care.interval, 1h);
    EXPECT_FALSE(care.own_interval);
    EXPECT_EQ(care.silence, 2h);
    EXPECT_EQ(care.missed, 1U);
    EXPECT_FALSE(care.silent);
    EXPECT_TRUE(book_->care_of("wm-1", kFleet, 10min, written, time()).silent);
    const DeviceCare nobody = book_->care_of("wm-9", kFleet, std::nullopt, {}, time());
    EXPECT_EQ(nobody.silence, std::nullopt);
    EXPECT_FALSE(nobody.silent);
}

TEST_F(CareBookTest, AMillionDevicesFitIntoTheBook) {
    book_.emplace(directory_, std::span(&fleet_, 1), log_);
    constexpr std::size_t kMillion = 1'000'000;
    book_->reserve(kMillion);
    store::FiguresRow row;
    row.fleet = kFleet;
    for (std::size_t i = 0; i < kMillion; ++i) {
        row.device = std::to_string(i);
        row.credential = i + 1;
        book_->load(row, time());
    }
    EXPECT_EQ(book_->devices(), kMillion);
    EXPECT_LE(book_->memory_bytes(), 37U * kMillion);
    book_->loaded(time());
    EXPECT_EQ(state().never_heard, kMillion);
}

}  // namespace
}  // namespace narrowgate::daemon
