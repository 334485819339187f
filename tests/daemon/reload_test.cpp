// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload.hpp"

#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

Config working() {
    Config config;
    config.gateway.name = "gw-1";
    config.upstreams.resize(1);
    config.upstreams[0].connection.name = "aws";
    Fleet fleet;
    fleet.name = "water-meters";
    fleet.routes.push_back({*coap::PathPattern::parse("telemetry"), "aws", "dt/{device}"});
    config.fleets.push_back(fleet);
    return config;
}

TEST(ReloadTest, AFleetThatStillHasDevicesCannotVanish) {
    Config wanted = working();
    wanted.fleets.clear();
    const auto refused = check_reload(working(), wanted, {{"water-meters", 3}});
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().what.find("water-meters"), std::string::npos);
    EXPECT_NE(refused.error().what.find("3 devices"), std::string::npos);
    EXPECT_TRUE(check_reload(working(), wanted, {}).has_value());
}

// A start loads in the background: no device of the fleet has come into memory yet, which says nothing.
TEST(ReloadTest, NoFleetCanVanishWhileDevicesAreBeingLoaded) {
    Config wanted = working();
    EXPECT_TRUE(check_reload(working(), wanted, {}, false).has_value());
    wanted.fleets.clear();
    const auto refused = check_reload(working(), wanted, {}, false);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().what.find("water-meters"), std::string::npos);
    EXPECT_NE(refused.error().cure.find("again"), std::string::npos);
}

TEST(ReloadTest, ARouteToAnUpstreamThatDoesNotRunIsRefused) {
    Config wanted = working();
    wanted.upstreams.push_back(wanted.upstreams[0]);
    wanted.upstreams[1].connection.name = "pelion";
    wanted.fleets[0].routes.push_back({*coap::PathPattern::parse("telemetry"), "pelion", "nbiot"});
    const auto refused = check_reload(working(), wanted, {});
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().what.find("pelion"), std::string::npos);
    EXPECT_NE(refused.error().cure.find("restart"), std::string::npos);
}

TEST(ReloadTest, NamesWhatWaitsForARestartAndNothingElse) {
    Config wanted = working();
    EXPECT_TRUE(waiting_for_restart(working(), wanted).empty());
    wanted.fleets[0].max_payload = 1024;
    wanted.gateway.log_level = LogLevel::kDebug;
    wanted.upstreams[0].connection.certificate_file = "renewed.crt";
    EXPECT_TRUE(waiting_for_restart(working(), wanted).empty());
    wanted.dtls.mtu = 1024;
    wanted.store.max_age = std::chrono::days(1);
    wanted.upstreams.push_back(wanted.upstreams[0]);
    wanted.upstreams[1].connection.name = "pelion";
    EXPECT_EQ(waiting_for_restart(working(), wanted),
              (std::vector<std::string>{"dtls.mtu", "store.max_age", "upstream \"pelion\""}));
}

TEST(ReloadTest, OfAnUpstreamOnlyItsConnectionIsTakenAtOnce) {
    const std::vector<std::string> aws{"upstream \"aws\""};
    const auto waiting_after = [](auto change) {
        Config wanted = working();
        change(wanted.upstreams[0]);
        return waiting_for_restart(working(), wanted);
    };
    EXPECT_TRUE(waiting_after([](UpstreamConfig& of) { of.connection.keep_alive = seconds(7); }).empty());
    EXPECT_EQ(waiting_after([](UpstreamConfig& of) { of.backlog.max_backlog = 1; }), aws);
    EXPECT_EQ(waiting_after([](UpstreamConfig& of) { of.pace.bytes_per_second = 1; }), aws);
    EXPECT_EQ(waiting_after([](UpstreamConfig& of) { of.batch_delay = milliseconds(1); }), aws);
    EXPECT_EQ(waiting_after([](UpstreamConfig& of) { of.pelion.max_nodes = 1; }), aws);
}

}  // namespace
}  // namespace narrowgate::daemon
