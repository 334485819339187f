// SPDX-License-Identifier: Apache-2.0
//
// dead-letters as a person types them, with a real store and no daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/command_test.hpp"
#include "daemon/reading_units.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class DeadLettersCommandsTest : public CommandTest {
protected:
    ExitCode type(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "dead-letters");
        return type_at(config_, std::move(arguments));
    }
    std::unique_ptr<store::Store> open_store() { return CommandTest::open_store(directory_.path()); }
    // Readings of which the upstream "aws" has refused all.
    void refuse(store::ReadingNumber count) {
        const auto store = open_store();
        const auto aws = *store->upstream("aws");
        const auto sink = store->add_sink([](std::vector<store::Completion>&&) {});
        for (store::ReadingNumber number = 1; number <= count; ++number) {
            ASSERT_TRUE(store->submit(reading_unit(store::mask_of(aws), clock_.now().wall, sink)));
        }
        ASSERT_TRUE(store->flush());  // behind the units
        ASSERT_EQ(store->head(), count + 1);
        for (store::ReadingNumber number = 1; number <= count; ++number)
            store->dead_letter(aws, number, "not authorized (0x87)");
        store->stop();
    }
    std::uint64_t waiting() { return open_store()->status().upstreams.at(0).pending_readings; }

    const std::filesystem::path config_ = write_gateway(directory_.path());
};

TEST_F(DeadLettersCommandsTest, WhatWasRefusedIsListedWithTheReason) {
    EXPECT_EQ(type({"list"}), ExitCode::kOk) << err_;
    EXPECT_EQ(out_, "There are no dead letters.\n");
    refuse(2);
    ASSERT_EQ(type({"list", "--upstream", "aws"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("ID  AT"));
    EXPECT_THAT(out_, HasSubstr("wm-0001"));
    EXPECT_THAT(out_, HasSubstr("not authorized (0x87)"));
    ASSERT_EQ(type({"list", "--last", "1", "--json"}), ExitCode::kOk) << err_;
    const auto letters = json::parse(out_);
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters[0].at("id"), 2);
    EXPECT_EQ(letters[0].at("reading").at("bytes"), 3);
    EXPECT_TRUE(letters[0].at("retried").is_null());
}

TEST_F(DeadLettersCommandsTest, RetriedOnesWaitForTheirUpstreamAndDroppedOnesAreGone) {
    refuse(3);
    ASSERT_EQ(type({"retry", "--id", "2"}), ExitCode::kOk) << err_;
    EXPECT_EQ(out_, "1 reading waits for its upstream again, under the id that it had.\n");
    EXPECT_EQ(waiting(), 1U);
    ASSERT_EQ(type({"list"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("to be sent again"));
    ASSERT_EQ(type({"retry", "--upstream", "aws", "--all", "--json"}), ExitCode::kOk) << err_;
    EXPECT_EQ(json::parse(out_).at("readings"), 2);
    EXPECT_EQ(waiting(), 3U);
    ASSERT_EQ(type({"drop", "--all"}), ExitCode::kOk) << err_;
    EXPECT_EQ(out_, "3 readings deleted for good.\n");
    EXPECT_EQ(waiting(), 0U);
    EXPECT_EQ(open_store()->audit(10)->size(), 3U);
}

TEST_F(DeadLettersCommandsTest, WhichOnesMustBeSaid) {
    refuse(1);
    for (const char* what : {"retry", "drop"}) {
        EXPECT_EQ(type({what}), ExitCode::kUsage);
        EXPECT_EQ(type({what, "--id", "1", "--all"}), ExitCode::kUsage);
        EXPECT_EQ(type({what, "--id", "0"}), ExitCode::kUsage);
        EXPECT_EQ(type({what, "--id", "7"}), ExitCode::kFailed);
        EXPECT_THAT(err_, HasSubstr("there is no dead letter 7; `narrowgate dead-letters list`"));
    }
    EXPECT_EQ(type({}), ExitCode::kUsage);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(DeadLettersCommandsTest, AnUpstreamThatNobodyHasIsToldAndOneThatHasNoneIsNoMistake) {
    refuse(1);
    for (const char* what : {"list", "retry", "drop"}) {
        std::vector<std::string> words = {what, "--upstream", "asw"};
        if (what != std::string_view("list")) words.emplace_back("--all");
        EXPECT_EQ(type(words), ExitCode::kFailed) << what;
        EXPECT_THAT(err_, HasSubstr("there is no upstream \"asw\"")) << what;
        EXPECT_THAT(err_, HasSubstr("did you mean \"aws\"?")) << what;
    }
    EXPECT_EQ(type({"list", "--upstream", "azure", "--json"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("name one of the [[upstream]] tables"));
    EXPECT_EQ(type({"drop", "--upstream", "aws", "--all"}), ExitCode::kOk) << err_;
    EXPECT_EQ(type({"list", "--upstream", "aws"}), ExitCode::kOk) << err_;
    EXPECT_EQ(out_, "There are no dead letters.\n");
}

}  // namespace
}  // namespace narrowgate::daemon
