// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/rate_history.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace narrowgate::daemon {
namespace {

GatewayStatus after(std::uint64_t readings) {
    GatewayStatus status;
    status.uplink.readings = readings;
    status.sessions = 7;
    status.upstreams.resize(2);
    status.upstreams[0].delivered = readings;
    status.upstreams[1].delivered = readings / 2;
    return status;
}

TEST(RateHistoryTest, APointIsWhatCameSinceTheOneBefore) {
    RateHistory history;
    history.add(after(100), SteadyTime(seconds(1000)));
    history.add(after(160), SteadyTime(seconds(1010)));
    history.add(after(160), SteadyTime(seconds(1021)));
    const auto points = history.to_json()["hour"]["points"];
    ASSERT_EQ(points.size(), 2U);
    EXPECT_EQ(points[0]["readings"], 60);
    EXPECT_EQ(points[0]["delivered"], 90);
    EXPECT_EQ(points[0]["seconds"], 10.0);
    EXPECT_EQ(points[0]["sessions"], 7);
    EXPECT_EQ(points[1]["readings"], 0);
    EXPECT_EQ(points[1]["seconds"], 11.0);
}

TEST(RateHistoryTest, KeepsAnHourFineAndADayCoarse) {
    RateHistory history;
    for (std::int64_t turn = 0; turn <= 2 * 86'400 / 10; ++turn)
        history.add(after(static_cast<std::uint64_t>(turn)), SteadyTime(seconds(turn * 10)));
    const auto rates = history.to_json();
    EXPECT_EQ(rates["hour"]["points"].size(), RateHistory::kFinePoints);
    ASSERT_EQ(rates["day"]["points"].size(), RateHistory::kCoarsePoints);
    EXPECT_EQ(rates["day"]["points"].front()["readings"], 30);
    EXPECT_EQ(rates["day"]["points"].back()["seconds"], 300.0);
}

TEST(RateHistoryTest, ASumThatFallsIsNoRate) {
    RateHistory history;
    history.add(after(100), SteadyTime(seconds(0)));
    history.add(after(40), SteadyTime(seconds(10)));
    EXPECT_EQ(history.to_json()["hour"]["points"][0]["readings"], 0);
}

}  // namespace
}  // namespace narrowgate::daemon
