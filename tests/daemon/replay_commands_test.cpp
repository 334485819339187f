// SPDX-License-Identifier: Apache-2.0
//
// replay as a person types it, without a daemon; and its calls as a daemon answers them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/command_test.hpp"
#include "daemon/control/replay_calls.hpp"
#include "daemon/reading_units.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class ReplayCommandsTest : public CommandTest {
protected:
    ExitCode type(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "replay");
        return type_at(config_, std::move(arguments));
    }

    const std::filesystem::path config_ = write_gateway(directory_.path());
};

TEST_F(ReplayCommandsTest, WhatIsNotSaidRightlyIsAnsweredWithWhatIsMissing) {
    EXPECT_EQ(type({}), ExitCode::kUsage);
    EXPECT_EQ(type({"--from", "yesterday", "--upstream", "aws"}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("is no time"));
    EXPECT_EQ(type({"--from", "-2h"}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("--upstream NAME"));
    EXPECT_EQ(type({"--from", "-2h", "--cancel", "--upstream", "aws"}), ExitCode::kUsage);
    EXPECT_EQ(type({"--status", "--dry-run"}), ExitCode::kUsage);
    EXPECT_EQ(type({"--cancel"}), ExitCode::kUsage);
}

TEST_F(ReplayCommandsTest, OnlyARunningGatewaySendsAnythingAndAStoppedOneTellsOfTheLast) {
    EXPECT_EQ(type({"--from", "-2h", "--upstream", "aws"}), ExitCode::kNotRunning);
    EXPECT_EQ(type({"--from", "2026-03-01T12:00:00+01:00", "--upstream", "aws", "--dry-run"}),
              ExitCode::kNotRunning);
    ASSERT_EQ(type({"--status"}), ExitCode::kOk) << err_;
    EXPECT_EQ(out_, "There was no replay.\n");
}

class ReplayCallsTest : public CommandTest {
protected:
    ReplayCallsTest() {
        store::Options options;
        options.directory = directory_.path() / "state";
        options.retention = std::chrono::hours(24);
        store_ = *store::Store::open(options, log_, clock_);
        aws_ = *store_->upstream("aws");
        const auto sink = store_->add_sink([](std::vector<store::Completion>&&) {});
        for (store::ReadingNumber number = 1; number <= 3; ++number) {
            EXPECT_TRUE(store_->submit(reading_unit(store::mask_of(aws_), clock_.now().wall, sink)));
            EXPECT_TRUE(store_->flush());
            store_->acknowledge(aws_, {&number, 1});
        }
        EXPECT_TRUE(store_->flush());
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back(
            {.resource = *coap::PathPattern::parse("**"), .upstream = "aws", .topic = "dt/{device}"});
        const auto routes = std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "aws", "gw-1"));
        add_replay_calls(calls_, *store_,
                         [routes](std::string_view upstream) -> Expected<std::shared_ptr<const Routes>> {
                             if (upstream != "aws") return failure("no such upstream", "name another");
                             return routes;
                         });
    }
    Expected<json> call(std::string_view name, json arguments) {
        return calls_.call(name, arguments, Caller{.name = "user test (1000)"});
    }
    std::string earlier() const { return to_rfc3339(clock_.now().wall - std::chrono::hours(1)); }

    std::unique_ptr<store::Store> store_;
    store::UpstreamId aws_ = 0;
    ControlCalls calls_;
};

TEST_F(ReplayCallsTest, ACountIsOfWhatAStartSends) {
    const auto count = call("replay.count", {{"upstream", "aws"}, {"from", earlier()}});
    ASSERT_TRUE(count.has_value()) << count.error().text();
    EXPECT_EQ(count->at("readings"), 3);
    EXPECT_EQ(count->at("bytes"), 9);
    EXPECT_TRUE(count->at("next").is_null());
    const auto begun = call("replay.start", {{"upstream", "aws"}, {"from", earlier()}});
    ASSERT_TRUE(begun.has_value()) << begun.error().text();
    EXPECT_EQ(begun->at("state"), "running");
    EXPECT_EQ(begun->at("actor"), "user test (1000)");
    const auto cancelled = call("replay.cancel", {{"upstream", "aws"}});
    ASSERT_TRUE(cancelled.has_value());
    EXPECT_EQ(call("replay.list", json::object())->at("replays").at(0).at("state"), "cancelled");
}

TEST_F(ReplayCallsTest, WhatCannotBeIsRefusedAndChangesNothing) {
    for (const json& wrong : {json{{"upstream", "aws"}}, json{{"upstream", "aws"}, {"from", "soon"}},
                              json{{"upstream", "aws"}, {"from", earlier()}, {"to", earlier()}},
                              json{{"upstream", "other"}, {"from", earlier()}}, json{{"from", earlier()}},
                              json{{"upstream", "aws"}, {"from", "2199-01-01T00:00:00Z"}}}) {
        EXPECT_FALSE(call("replay.start", wrong).has_value()) << wrong.dump();
        EXPECT_FALSE(call("replay.count", wrong).has_value()) << wrong.dump();
    }
    EXPECT_FALSE(call("replay.cancel", {{"upstream", "aws"}}).has_value());
    EXPECT_TRUE(store_->replays().empty());
}

TEST_F(ReplayCallsTest, OneThatCannotGoOnIsEnded) {
    ASSERT_TRUE(call("replay.start", {{"upstream", "aws"}, {"from", earlier()}}).has_value());
    ASSERT_TRUE(end_impossible_replays(*store_, [](std::string_view) { return true; }));
    EXPECT_FALSE(store_->replays().at(0).ended.has_value());
    ASSERT_TRUE(end_impossible_replays(*store_, [](std::string_view) { return false; }));
    EXPECT_TRUE(store_->replays().at(0).cancelled);
}

}  // namespace
}  // namespace narrowgate::daemon
