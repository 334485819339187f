// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate diagnose device` with a real store and no daemon, and the call behind it with what shards say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/command_test.hpp"
#include "daemon/control/diagnosis_calls.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::HasSubstr;

class DiagnoseDeviceTest : public CommandTest {
protected:
    ExitCode type(std::vector<std::string> arguments) { return type_at(config_, std::move(arguments)); }

    const std::filesystem::path config_ = write_gateway(directory_.path());
};

TEST_F(DiagnoseDeviceTest, WithoutADaemonItSaysSoAndShowsWhatTheStoreHas) {
    ASSERT_EQ(type({"device", "add", "wm-0001", "--fleet", "water-meters", "--generate"}), ExitCode::kOk)
        << err_;
    ASSERT_EQ(type({"diagnose", "device", "wm-0001"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("wm-0001: a device of fleet water-meters. No handshake of it is on record."));
    EXPECT_THAT(out_, HasSubstr("No daemon runs"));
    EXPECT_THAT(out_, HasSubstr("Verdict: no-trace"));

    ASSERT_EQ(type({"diagnose", "device", "192.0.2.7"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("\"192.0.2.7\" is no device's name or identity."));

    ASSERT_EQ(type({"diagnose", "device", "wm-0001", "--json"}), ExitCode::kOk) << err_;
    const auto in_json = nlohmann::json::parse(out_);
    EXPECT_EQ(in_json.at("finding"), "no-trace");
    EXPECT_EQ(in_json.at("running"), false);
    EXPECT_EQ(in_json.at("device").at("name"), "wm-0001");
}

TEST_F(DiagnoseDeviceTest, ItHasAPageAndWantsToKnowWho) {
    EXPECT_EQ(type({"diagnose", "device"}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("narrowgate diagnose device --help"));
    EXPECT_EQ(type({"diagnose", "device", "a\nb"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("neither an identity nor an address"));
}

// Every identity of a device is looked for, and a shard that does not answer is no empty answer.
TEST_F(DiagnoseDeviceTest, TheCallAsksForEveryIdentityOfTheDevice) {
    ASSERT_EQ(type({"device", "add", "wm-0001", "--fleet", "water-meters", "--generate"}), ExitCode::kOk)
        << err_;
    ASSERT_EQ(type({"device", "rotate", "wm-0001"}), ExitCode::kOk) << err_;
    auto config = read_config(config_);
    ASSERT_TRUE(config);
    Log log(LogLevel::kError);
    const auto store = store::Store::open(config->store, log, clock_);
    ASSERT_TRUE(store);
    DeviceService devices(**store, clock_, {"water-meters"}, {});
    std::vector<std::string> asked;
    bool answers = true;
    ControlCalls calls;
    add_diagnosis_calls(calls, devices, {}, [&](const DeviceQuery& query) {
        asked = query.identities;
        return answers ? std::optional(DeviceEvidence{.at = clock_.now(), .handshakes = {}, .hellos = {}})
                       : std::nullopt;
    });
    nlohmann::json arguments{{"who", "wm-0001"}};
    auto result = calls.call("device.diagnose", arguments, {"test"});
    ASSERT_TRUE(result);
    EXPECT_THAT(asked, ::testing::UnorderedElementsAre("wm-0001", "wm-0001#2"));
    EXPECT_EQ(result->at("running"), true);
    answers = false;
    result = calls.call("device.diagnose", arguments, {"test"});
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().what, HasSubstr("too busy"));
}

}  // namespace
}  // namespace narrowgate::daemon
