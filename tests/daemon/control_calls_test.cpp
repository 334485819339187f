// SPDX-License-Identifier: Apache-2.0
#include "daemon/control/calls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class ControlCallsTest : public ::testing::Test {
protected:
    ControlCallsTest() {
        calls_.add("echo", [](json& arguments) -> Expected<json> { return arguments; });
        calls_.add("fail", [](json&) -> Expected<json> { return failure("it broke", "mend it"); });
    }

    Expected<json> answer(std::string_view request) const {
        return control_result(calls_.answer(request, {"test"}));
    }

    ControlCalls calls_;
};

TEST_F(ControlCallsTest, ACallGetsItsArgumentsAndItsResultComesBack) {
    const auto result = answer(control_request("echo", {{"a", 1}, {"b", "two"}}));
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, (json{{"a", 1}, {"b", "two"}}));
}

TEST_F(ControlCallsTest, ACallThatChangesSomethingIsToldWhoAsks) {
    calls_.add("who", [](json&, const Caller& caller) -> Expected<json> { return json(caller.name); });
    EXPECT_EQ(answer(control_request("who", json::object())).value(), "test");
}

TEST_F(ControlCallsTest, AnErrorComesBackWithItsCure) {
    const auto result = answer(control_request("fail", json::object()));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().text(), "it broke; mend it");
}

TEST_F(ControlCallsTest, WhatIsNoRequestIsAnsweredWithAnError) {
    for (const auto* request :
         {"", "garbage", "[]", "null", "{", "{}", R"({"version":1})", R"({"version":1,"call":7})",
          R"({"version":2,"call":"echo"})", R"({"version":"1","call":"echo"})",
          R"({"version":1,"call":"echo","with":[1]})", R"({"version":1,"call":"nothing"})", "\xFF\xFE\x00"}) {
        const auto result = answer(request);
        ASSERT_FALSE(result) << request;
        EXPECT_FALSE(result.error().what.empty()) << request;
        EXPECT_FALSE(result.error().cure.empty()) << request;
    }
}

// A parser that recurses would run out of stack here.
TEST_F(ControlCallsTest, AMillionBracketsAreAnsweredWithAnError) {
    EXPECT_FALSE(answer(std::string(1'000'000, '[')));
    EXPECT_FALSE(answer(R"({"version":1,"call":"nothing","with":)" + std::string(1'000'000, '{')));
}

// An answer is one line whatever is in it, and bytes that are no UTF-8 do not end it.
TEST_F(ControlCallsTest, AnAnswerIsOneLine) {
    calls_.add("lines", [](json&) -> Expected<json> { return json("a\nb\xFF"); });
    const std::string line = calls_.answer(control_request("lines", json::object()), {"test"});
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_TRUE(control_result(line));
}

TEST_F(ControlCallsTest, WhatIsNoAnswerIsAnError) {
    for (const auto* line :
         {"", "x", "{}", "[]", R"({"ok":1})", R"({"ok":false})", R"({"ok":false,"error":[]})"})
        EXPECT_FALSE(control_result(line)) << line;
}

TEST_F(ControlCallsTest, ASecretIsWipedWhereItWasTakenFrom) {
    json arguments{{"psk", "0011"}};
    const auto secret = secret_argument(arguments, "psk");
    ASSERT_TRUE(secret);
    EXPECT_EQ(text_of(secret->view()), "0011");
    EXPECT_EQ(arguments["psk"], "");
    EXPECT_FALSE(secret_argument(arguments, "nothing"));
}

TEST_F(ControlCallsTest, AnArgumentOfAnotherTypeIsNamed) {
    const json arguments{{"text", 1}, {"flag", "x"}, {"count", -1}};
    EXPECT_THAT(text_argument(arguments, "text").error().what, HasSubstr("\"text\" must be a string"));
    EXPECT_FALSE(flag_argument_or(arguments, "flag", true));
    EXPECT_FALSE(count_argument_or(arguments, "count", 1));
    EXPECT_EQ(count_argument_or(arguments, "other", 5).value(), 5U);
    EXPECT_EQ(text_argument_or(arguments, "other", "x").value(), "x");
    EXPECT_EQ(flag_argument_or(arguments, "other", true).value(), true);
}

TEST(ControlCallsDeathTest, TwoHandlersOfOneNameAreAMistakeInTheProgram) {
    ControlCalls calls;
    calls.add("a", [](json&) -> Expected<json> { return json(); });
    EXPECT_DEATH(calls.add("a", [](json&) -> Expected<json> { return json(); }), "");
}

}  // namespace
}  // namespace narrowgate::daemon
