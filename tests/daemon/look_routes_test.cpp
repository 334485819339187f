// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/look_routes.hpp"

#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;

TEST(LookRoutesTest, EachCallThatLooksHasAPlace) {
    const std::vector<std::tuple<std::string, json, std::string>> cases = {
        {"status", json::object(), "/v1/status"},
        {"device.list", json::object(), "/v1/devices"},
        {"device.list", {{"after", "a b"}, {"count", 7}}, "/v1/devices?after=a%20b&count=7"},
        {"device.show", {{"device", "wm-1"}, {"exchanges", 5}}, "/v1/devices/wm-1?verdict=no&exchanges=5"},
        {"device.diagnose", {{"who", "a/b c"}}, "/v1/devices/a%2Fb%20c"},
        {"device.show", {{"device", "wm-1"}}, "/v1/devices/wm-1?verdict=no"},
        {"devices.silent", {{"fleet", "water"}}, "/v1/devices/silent?fleet=water"},
        {"devices.slow", json::object(), "/v1/devices/slow"},
        {"fleets", json::object(), "/v1/fleets"},
        {"sessions.list", {{"count", 7}}, "/v1/sessions?count=7"},
        {"upstream.traces", {{"upstream", "aws"}}, "/v1/upstreams/aws"},
        {"store.show", json::object(), "/v1/store"},
        {"dead_letters.list",
         {{"count", 5}, {"upstream", "a&b=c"}},
         "/v1/dead-letters?count=5&upstream=a%26b%3Dc"},
    };
    for (const auto& [call, arguments, target] : cases)
        EXPECT_EQ(target_of(call, arguments), target);
}

TEST(LookRoutesTest, AGetIsTheCallThatItsPathAndQuerySay) {
    const auto look = [](std::string_view path, const std::map<std::string, std::string>& query = {}) {
        const auto found = look_at(path, query);
        return found ? found->call + " " + found->arguments.dump() : "nothing";
    };
    EXPECT_EQ(look("/v1/devices"), "device.list {}");
    EXPECT_EQ(look("/v1/devices/a/b c"), R"(device.diagnose {"who":"a/b c"})");
    EXPECT_EQ(look("/v1/devices/wm-1", {{"verdict", "no"}}), R"(device.show {"device":"wm-1"})");
    EXPECT_EQ(look("/v1/devices/wm-1", {{"verdict", "yes"}}),
              R"(device.diagnose {"verdict":"yes","who":"wm-1"})");
    EXPECT_EQ(look("/v1/devices", {{"after", "7"}, {"count", "7"}}),
              R"(device.list {"after":"7","count":7})");
    EXPECT_EQ(look("/v1/devices/wm-1", {{"exchanges", "5"}}),
              R"(device.diagnose {"exchanges":5,"who":"wm-1"})");
    EXPECT_EQ(look("/v1/sessions", {{"count", "7"}}), R"(sessions.list {"count":7})");
    EXPECT_EQ(look("/v1/dead-letters", {{"upstream", "7"}}), R"(dead_letters.list {"upstream":"7"})");
    // The call says what is wrong with it.
    EXPECT_EQ(look("/v1/sessions", {{"count", "7x"}}), R"(sessions.list {"count":"7x"})");
    EXPECT_EQ(look("/v1/sessions", {{"count", "-1"}}), R"(sessions.list {"count":"-1"})");
    EXPECT_EQ(look("/v1/sessions", {{"count", "99999999999999999999"}}),
              R"(sessions.list {"count":"99999999999999999999"})");
}

TEST(LookRoutesTest, ADeviceWithTheNameOfAListIsNotTakenForIt) {
    EXPECT_EQ(target_of("device.diagnose", {{"who", "silent"}}), std::nullopt);
    EXPECT_EQ(target_of("device.show", {{"device", "silent"}}), "/v1/devices/silent?verdict=no");
    EXPECT_EQ(look_at("/v1/devices/silent", {})->call, "devices.silent");
    EXPECT_EQ(look_at("/v1/devices/silent", {{"verdict", "no"}})->call, "device.show");
}

TEST(LookRoutesTest, NothingThatChangesSomethingOrShowsKeysHasAPlace) {
    for (const char* call : {"device.add", "device.import", "device.export", "device.revoke",
                             "sessions.forget", "dead_letters.drop", "dead_letters.retry", "audit", ""}) {
        EXPECT_EQ(target_of(call, json::object()), std::nullopt) << call;
        EXPECT_FALSE(look_at(std::string("/v1/") + call, {})) << call;
    }
    EXPECT_FALSE(look_at("/v1/devices/", {}));
    EXPECT_FALSE(look_at("/v1/upstreams", {}));
}

}  // namespace
}  // namespace narrowgate::daemon
