// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/care_calls.hpp"

#include <gtest/gtest.h>

#include "daemon/control/care_json.hpp"
#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

// Two meters of a fleet with a tariff and an interval, and a tracker of one with neither.
class CareCallsTest : public ::testing::Test {
protected:
    CareCallsTest() {
        fleets_[0].name = "water-meters";
        fleets_[0].report_interval = 1h;
        fleets_[0].reports_expected = true;
        fleets_[0].tariff = Tariff{.included = 1'000, .price_per_mb = 0.5, .unit = 100};
        fleets_[1].name = "trackers";
        clock_.jump_wall(from_rfc3339("2026-11-20T12:00:00Z").value() - clock_.now().wall);
        book_.emplace(directory_, std::span(fleets_), log_);
        add(1, "wm-1", "water-meters");
        add(2, "wm-2", "water-meters");
        add(3, "tr-1", "trackers");
        book_->loaded(time());
        add_care_calls(calls_, *book_, [this] { return time(); });
    }
    void add(store::CredentialId id, const std::string& name, const std::string& fleet) {
        store::CredentialRow row;
        row.id = id;
        row.identity = row.device = name;
        row.fleet = fleet;
        row.psk = Secret(Bytes(16, 1));
        directory_.add(std::move(row));
        book_->add(name, fleet, id);
    }
    CareTime time() const {
        return {.now = clock_.now(),
                .service = std::chrono::duration_cast<seconds>(clock_.now().steady.time_since_epoch())};
    }
    void hear(store::CredentialId credential, DeviceActivity activity) {
        activity.first = clock_.now().steady;
        activity.heard = clock_.now();
        book_->take({{credential, activity}}, time());
    }
    json ask(const char* call, json arguments = json::object()) {
        auto result = calls_.call(call, arguments, Caller{.name = "test"});
        EXPECT_TRUE(result) << result.error().text();
        return result.value_or(json());
    }

    fakes::ManualClock clock_;
    Log log_{LogLevel::kError};
    CredentialDirectory directory_{clock_};
    std::array<Fleet, 2> fleets_;
    std::optional<CareBook> book_;
    ControlCalls calls_;
};

TEST_F(CareCallsTest, FleetsAreByNameWithTheirMonth) {
    hear(1, {.bytes_up = 1'100, .bytes_down = 300, .datagrams = 10, .readings = 5});
    clock_.advance(4h);
    book_->turn(time());
    const json answer = ask("fleets");
    EXPECT_EQ(answer.at("month"), "2026-11");
    ASSERT_EQ(answer.at("fleets").size(), 2U);
    const json& trackers = answer.at("fleets")[0];
    EXPECT_EQ(trackers.at("name"), "trackers");
    EXPECT_EQ(trackers.at("report_interval_s"), nullptr);
    EXPECT_EQ(trackers.at("tariff"), nullptr);
    const json& meters = answer.at("fleets")[1];
    EXPECT_EQ(meters.at("devices"), 2);
    EXPECT_EQ(meters.at("heard"), 1);
    EXPECT_EQ(meters.at("never_heard"), 1);
    EXPECT_EQ(meters.at("silent"), 1);
    EXPECT_EQ(meters.at("report_interval_s"), 3600);
    EXPECT_EQ(meters.at("missed_reports"), 3);
    EXPECT_EQ(meters.at("bytes_up"), 1'100);
    EXPECT_EQ(meters.at("bytes_down"), 300);
    EXPECT_EQ(meters.at("datagrams"), 10);
    EXPECT_EQ(meters.at("readings"), 5);
    EXPECT_EQ(meters.at("over_tariff"), 1);
    EXPECT_EQ(meters.at("tariff").at("included_bytes"), 1'000);
    EXPECT_EQ(meters.at("tariff").at("currency"), "EUR");
    // 1 680 bytes on air become 1 700; 700 of them are beyond what is included.
    EXPECT_DOUBLE_EQ(meters.at("tariff").at("cost").get<double>(), 700 * 0.5 / 1e6);
}

TEST_F(CareCallsTest, SilentDevicesAreListed) {
    hear(1, {.bytes_up = 100});
    clock_.advance(1min);
    hear(2, {.bytes_up = 100});
    hear(3, {.bytes_up = 100});
    clock_.advance(5h);
    book_->turn(time());
    const json devices = ask("devices.silent").at("devices");
    ASSERT_EQ(devices.size(), 2U);
    EXPECT_EQ(devices[0], (json{{"device", "wm-1"},
                                {"fleet", "water-meters"},
                                {"last_heard", "2026-11-20T12:00:00.000Z"},
                                {"silent_seconds", 5 * 3600 + 60},
                                {"missed", 4},
                                {"interval_s", 3600}}));
    EXPECT_EQ(ask("devices.silent", {{"count", 1U}}).at("devices").size(), 1U);
    EXPECT_EQ(ask("devices.silent", {{"fleet", "trackers"}}).at("devices").size(), 0U);
    json wrong{{"count", "many"}};
    EXPECT_FALSE(calls_.call("devices.silent", wrong, Caller{.name = "test"}));
}

TEST_F(CareCallsTest, DevicesThatRepeatThemselvesAreListed) {
    hear(1, {.requests = 6, .repeats = 2, .handshakes = 1, .handshake = 4'200ms});
    hear(2, {.requests = 100});
    EXPECT_EQ(ask("devices.slow").at("devices"), json::array({{{"device", "wm-1"},
                                                               {"fleet", "water-meters"},
                                                               {"retransmission_ratio", 0.25},
                                                               {"retransmissions", 2},
                                                               {"requests", 6},
                                                               {"handshake_ms", 4'200}}}));
}

TEST_F(CareCallsTest, CostlyDevicesAreListed) {
    hear(1, {.bytes_up = 1'000, .datagrams = 2});
    hear(2, {.bytes_up = 100});
    hear(3, {.bytes_up = 100'000});
    const json devices = ask("devices.costly").at("devices");
    ASSERT_EQ(devices.size(), 1U);
    EXPECT_EQ(devices[0].at("device"), "wm-1");
    EXPECT_EQ(devices[0].at("bytes_on_air"), 1'056);
    EXPECT_DOUBLE_EQ(devices[0].at("share").get<double>(), 1.056);
    EXPECT_EQ(devices[0].at("currency"), "EUR");
}

TEST_F(CareCallsTest, ADevicesFiguresAreShownInFull) {
    hear(1, {.bytes_up = 400,
             .bytes_down = 100,
             .datagrams = 4,
             .readings = 2,
             .requests = 3,
             .repeats = 1,
             .handshakes = 1,
             .address_moves = 2,
             .handshake = 900ms});
    clock_.advance(2h);
    const json figures =
        to_json(book_->care_of("wm-1", "water-meters", std::nullopt, DeviceFigures{}, time()));
    EXPECT_EQ(figures.at("last_heard"), "2026-11-20T12:00:00.000Z");
    EXPECT_EQ(figures.at("silent_seconds"), 7'200);
    EXPECT_EQ(figures.at("missed"), 1);
    EXPECT_EQ(figures.at("missed_total"), 1);
    EXPECT_EQ(figures.at("silent"), false);
    EXPECT_EQ(figures.at("interval_s"), 3'600);
    EXPECT_EQ(figures.at("interval_own"), false);
    EXPECT_EQ(figures.at("readings"), 2);
    EXPECT_EQ(figures.at("handshakes"), 1);
    EXPECT_EQ(figures.at("address_moves"), 2);
    EXPECT_EQ(figures.at("retransmission_ratio"), 0.25);
    EXPECT_EQ(figures.at("month"), (json{{"month", "2026-11"},
                                         {"readings", 2},
                                         {"datagrams", 4},
                                         {"bytes_up", 400},
                                         {"bytes_down", 100}}));
    EXPECT_EQ(figures.at("last_month").at("month"), "2026-10");
    EXPECT_EQ(figures.at("tariff").at("bytes_on_air"), 500 + 4 * 28);
    const json never = to_json(book_->care_of("tr-1", "trackers", std::nullopt, DeviceFigures{}, time()));
    EXPECT_EQ(never.at("last_heard"), nullptr);
    EXPECT_EQ(never.at("silent_seconds"), nullptr);
    EXPECT_EQ(never.at("interval_s"), nullptr);
    EXPECT_EQ(never.at("tariff"), nullptr);
}

}  // namespace
}  // namespace narrowgate::daemon
