// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/silence.hpp"

#include <array>

#include "daemon/care_fixture.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace narrowgate::daemon
