// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/care_book.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "daemon/care/silence.hpp"
#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFleet = "water-meters";

std::vector<std::string> lines_of(const std::string& text, std::string_view part) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        if (line.find(part) != std::string::npos) lines.push_back(line);
    return lines;
}

// A gateway's book over its life, a turn each ten seconds; the store is what has been written.
class CareBookTest : public ::testing::Test {
protected:
    CareBookTest() {
        fleet_.name = kFleet;
        fleet_.report_interval = 1h;
        fleet_.reports_expected = true;
        clock_.jump_wall(from_rfc3339("2026-11-20T12:00:00Z").value() - clock_.now().wall);
    }

    void add_device(const std::string& name, store::CredentialId credential) {
        store::CredentialRow row;
        row.id = credential;
        row.identity = row.device = name;
        row.fleet = kFleet;
        row.psk = Secret(Bytes(16, 1));
        directory_.add(std::move(row));
        store::FiguresRow figures;
        figures.device = name;
        figures.fleet = kFleet;
        figures.credential = credential;
        disk_[name] = std::move(figures);
    }
    void add_devices(std::size_t count) {
        for (std::size_t i = 1; i <= count; ++i)
            add_device("wm-" + std::to_string(i), i);
    }
    void start() {
        book_.emplace(directory_, std::span(&fleet_, 1), log_);
        for (const auto& [name, row] : disk_)
            book_->load(row, time());
        book_->loaded(time());
    }
    // What has been counted goes to disk, as FleetCare and the store do it.
    void write() {
        for (auto& [device, later] : book_->take_pending(1'000'000)) {
            DeviceFigures figures = decode_figures(disk_[device].body).value_or(DeviceFigures{});
            figures.add(later);
            disk_[device].body = encode(figures);
        }
    }
    // A stop with all that belongs to it, and a start after `gap`.
    void restart(seconds gap) {
        write();
        book_.reset();
        clock_.advance(gap);
        stopped_ += gap;
        start();
    }

    CareTime time() const {
        const auto up = clock_.now().steady.time_since_epoch() - stopped_;
        return {.now = clock_.now(), .service = std::chrono::duration_cast<seconds>(up)};
    }
    void hear(store::CredentialId credential, std::uint64_t bytes = 100) {
        DeviceActivity activity;
        activity.bytes_up = bytes;
        activity.datagrams = 2;
        activity.readings = 1;
        activity.requests = 1;
        activity.first = clock_.now().steady;
        activity.heard = clock_.now();
        book_->take({{credential, activity}}, time());
    }
    void pass(seconds duration) {
        for (seconds done{0}; done < duration; done += 10s) {
            clock_.advance(10s);
            book_->turn(time());
        }
    }
    template <class Action>
    std::string log_of(Action action) {
        testing::internal::CaptureStderr();
        action();
        return testing::internal::GetCapturedStderr();
    }
    FleetState state() { return book_->states().at(0); }
    DeviceFigures figures(const std::string& device) {
        write();
        return decode_figures(disk_[device].body).value_or(DeviceFigures{});
    }
    std::vector<SilentDevice> silent() { return book_->silent(100, "", time()); }

    fakes::ManualClock clock_;
    Log log_{LogLevel::kInfo};
    CredentialDirectory directory_{clock_};
    Fleet fleet_;
    std::map<std::string, store::FiguresRow> disk_;
    std::optional<CareBook> book_;
    SteadyTime::duration stopped_{0};
};

TEST(SilenceTest, AReportIsMissedWhenItIsHalfAnIntervalLate) {
    EXPECT_EQ(missed_reports(0s, 1h), 0U);
    EXPECT_EQ(missed_reports(1h + 29min, 1h), 0U);
    EXPECT_EQ(missed_reports(1h + 30min, 1h), 1U);
    EXPECT_EQ(missed_reports(2h, 1h), 1U);
    EXPECT_EQ(missed_reports(3h + 30min, 1h), 3U);
    EXPECT_EQ(missed_reports(100h, 0s), 0U);
}

TEST_F(CareBookTest, ADeviceThatMissesItsReportsIsSilentAndToldOnce) {
    add_devices(2);
    start();
    hear(1);
    hear(2);
    pass(3h);
    EXPECT_EQ(state().silent, 0U);
    hear(2);
    const std::string log = log_of([&] { pass(2h); });
    EXPECT_EQ(state().silent, 1U);
    ASSERT_EQ(lines_of(log, "is silent").size(), 1U);
    EXPECT_THAT(log,
                HasSubstr("device wm-1 of fleet water-meters is silent: heard last at 2026-11-20T12:00:00"));
    ASSERT_EQ(silent().size(), 1U);
    EXPECT_EQ(silent()[0].device, "wm-1");
    EXPECT_EQ(silent()[0].missed, 4U);
    EXPECT_EQ(silent()[0].interval, 1h);
    EXPECT_EQ(to_rfc3339(silent()[0].heard), "2026-11-20T12:00:00.000Z");
}

TEST_F(CareBookTest, ADeviceThatComesBackIsToldAndItsMissedReportsAreKept) {
    add_devices(1);
    start();
    hear(1);
    pass(5h);
    const std::string log = log_of([&] { hear(1); });
    EXPECT_THAT(log, HasSubstr("device wm-1 of fleet water-meters is back after 5 h"));
    pass(10s);
    EXPECT_EQ(state().silent, 0U);
    EXPECT_TRUE(silent().empty());
    EXPECT_EQ(figures("wm-1").missed, 4U);
    // Reports that come in time miss nothing.
    pass(1h);
    hear(1);
    pass(1h + 10min);
    hear(1);
    EXPECT_EQ(figures("wm-1").missed, 4U);
}

TEST_F(CareBookTest, ADeviceThatWasNeverHeardGivesNoAlarm) {
    add_devices(2);
    start();
    hear(1);
    EXPECT_EQ(lines_of(log_of([&] { pass(1h); }), "silent").size(), 0U);
    EXPECT_EQ(state().never_heard, 1U);
    EXPECT_EQ(state().heard, 1U);
    EXPECT_EQ(state().devices, 2U);
}

// The default is for spreading loads; nobody has said that nodes keep to it.
TEST_F(CareBookTest, WithoutAnIntervalInTheFileNothingIsExpected) {
    fleet_.reports_expected = false;
    add_devices(2);
    start();
    hear(1);
    hear(2);
    book_->set_interval("wm-2", 10min);
    pass(10h);
    ASSERT_EQ(silent().size(), 1U);
    EXPECT_EQ(silent()[0].device, "wm-2");
    EXPECT_EQ(silent()[0].interval, 10min);
    EXPECT_EQ(state().report_interval, std::nullopt);
    book_->set_interval("wm-2", std::nullopt);
    pass(10s);
    EXPECT_EQ(state().silent, 0U);
}

TEST_F(CareBookTest, HowManyReportsMayBeMissedIsTheFleetsToSay) {
    fleet_.missed_reports = 1;
    add_devices(1);
    start();
    hear(1);
    pass(1h + 20min);
    EXPECT_EQ(state().silent, 0U);
    pass(20min);
    EXPECT_EQ(state().silent, 1U);
    fleet_.missed_reports = 5;
    book_->set_fleets(std::span(&fleet_, 1));
    EXPECT_EQ(lines_of(log_of([&] { pass(1min); }), "is back").size(), 0U);
    EXPECT_EQ(state().silent, 0U);
}

// The nodes went on reporting into nothing: that is not their silence.
TEST_F(CareBookTest, WhileTheGatewayIsStoppedNobodyFallsSilent) {
    add_devices(3);
    start();
    for (store::CredentialId credential : {1, 2, 3})
        hear(credential);
    pass(1h);
    const std::string log = log_of([&] {
        restart(std::chrono::days(30));
        pass(2h);
    });
    EXPECT_EQ(lines_of(log, "silent").size(), 0U);
    EXPECT_EQ(state().silent, 0U);
    EXPECT_EQ(state().heard, 3U);
    pass(1h);
    EXPECT_EQ(state().silent, 3U);
}

TEST_F(CareBookTest, AWallClockThatJumpsMakesNobodySilent) {
    add_devices(5);
    start();
    for (store::CredentialId credential : {1, 2, 3, 4, 5})
        hear(credential);
    const std::string log = log_of([&] {
        clock_.jump_wall(std::chrono::days(365));
        pass(1h);
        clock_.jump_wall(-std::chrono::days(400));
        pass(1h);
    });
    EXPECT_EQ(lines_of(log, "silent").size(), 0U);
    EXPECT_EQ(state().silent, 0U);
}

TEST_F(CareBookTest, WhoWasSilentBeforeARestartIsNotToldAgainOneByOne) {
    add_devices(3);
    start();
    for (store::CredentialId credential : {1, 2, 3})
        hear(credential);
    pass(4h);
    const std::string log = log_of([&] {
        restart(1min);
        pass(10min);
    });
    EXPECT_EQ(lines_of(log, "is silent").size(), 0U);
    EXPECT_THAT(log, HasSubstr("3 devices were silent before the start"));
    EXPECT_EQ(state().silent, 3U);
    EXPECT_THAT(log_of([&] { hear(2); }), HasSubstr("device wm-2 of fleet water-meters is back"));
}

TEST_F(CareBookTest, LinesAboutDevicesAreFewAndTheRestIsCounted) {
    add_devices(200);
    start();
    // Heard a second apart, and half of the fleet goes on: they fall silent one after the other.
    for (store::CredentialId credential = 1; credential <= 100; ++credential)
        hear(credential);
    for (int hour = 0; hour < 3; ++hour) {
        pass(1h);
        for (store::CredentialId credential = 101; credential <= 200; ++credential)
            hear(credential);
    }
    const std::string log = log_of([&] { pass(45min); });
    EXPECT_EQ(lines_of(log, "is silent").size(), CareLog::kLinesAMinute);
    const auto rest = lines_of(log, "within a minute");
    ASSERT_EQ(rest.size(), 1U) << log;
    EXPECT_THAT(rest[0], HasSubstr("95 more devices fell silent and 0 more are back"));
    EXPECT_EQ(lines_of(log, "looks like the network").size(), 0U);
}

TEST_F(CareBookTest, WhenMostOfAFleetFallsSilentTogetherItIsNotTheDevices) {
    add_devices(20);
    start();
    // Their reports are spread over the hour.
    for (store::CredentialId credential = 1; credential <= 20; ++credential) {
        hear(credential);
        pass(3min);
    }
    const std::string log = log_of([&] { pass(5h); });
    ASSERT_EQ(lines_of(log, "looks like the network").size(), 1U) << log;
    EXPECT_THAT(log, HasSubstr("of 20 devices fell silent within one interval"));
    EXPECT_TRUE(state().fell_together);
    for (store::CredentialId credential = 1; credential <= 20; ++credential)
        hear(credential);
    pass(10s);
    EXPECT_FALSE(state().fell_together);
}

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

TEST_F(CareBookTest, TheLongestSilenceComesFirst) {
    add_devices(30);
    start();
    for (store::CredentialId credential = 1; credential <= 30; ++credential) {
        hear(31 - credential);
        pass(10s);
    }
    pass(5h);
    const auto three = book_->silent(3, kFleet, time());
    ASSERT_EQ(three.size(), 3U);
    EXPECT_EQ(three[0].device, "wm-30");
    EXPECT_EQ(three[1].device, "wm-29");
    EXPECT_EQ(three[2].device, "wm-28");
    EXPECT_TRUE(book_->silent(3, "another", time()).empty());
    EXPECT_TRUE(book_->silent(0, "", time()).empty());
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
