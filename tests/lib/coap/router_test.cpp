// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/router.hpp"

#include <gtest/gtest.h>

namespace narrowgate::coap {
namespace {

constexpr Methods kUplink{Code::kPost, Code::kPut};

bool matches(std::string_view pattern, std::string_view path) {
    return PathPattern::parse(pattern).value().matches(UriPath::of(path).value());
}

TEST(PathPatternTest, MatchesSegmentBySegment) {
    EXPECT_TRUE(matches("telemetry", "telemetry"));
    EXPECT_TRUE(matches("/telemetry", "telemetry"));
    EXPECT_FALSE(matches("telemetry", "telemetry/a"));
    EXPECT_FALSE(matches("telemetry", "Telemetry"));
    EXPECT_FALSE(matches("telemetry", ""));
    EXPECT_TRUE(matches("a/b", "a/b"));
    EXPECT_FALSE(matches("a/b", "a"));
}

TEST(PathPatternTest, LetsOneStarStandForOneSegment) {
    EXPECT_TRUE(matches("sensors/*/state", "sensors/7/state"));
    EXPECT_FALSE(matches("sensors/*/state", "sensors/7/8/state"));
    EXPECT_FALSE(matches("sensors/*", "sensors"));
    EXPECT_FALSE(matches("*", ""));
}

TEST(PathPatternTest, LetsTwoStarsStandForTheRest) {
    EXPECT_TRUE(matches("logs/**", "logs"));
    EXPECT_TRUE(matches("logs/**", "logs/a/b/c"));
    EXPECT_FALSE(matches("logs/**", "log/a"));
    EXPECT_TRUE(matches("**", ""));
    EXPECT_TRUE(matches("**", "a/b"));
}

TEST(PathPatternTest, SaysWhatIsWrongWithAPattern) {
    const auto what = [](std::string_view text) { return PathPattern::parse(text).error().what; };
    EXPECT_EQ(what(""), "resource pattern is empty");
    EXPECT_EQ(what("/"), "resource pattern is empty");
    EXPECT_EQ(what("a//b"), "resource pattern \"a//b\" has an empty segment");
    EXPECT_EQ(what("a/"), "resource pattern \"a/\" has an empty segment");
    EXPECT_NE(what("**/a").find("not the last"), std::string::npos);
    EXPECT_NE(what("a*").find("not a whole segment"), std::string::npos);
    EXPECT_NE(what("a/../b").find("no request may have"), std::string::npos);
    EXPECT_NE(what("\xff").find("UTF-8"), std::string::npos);
    EXPECT_NE(what(std::string(256, 'a')).find("255 bytes"), std::string::npos);
    EXPECT_NE(what("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17").find("more than 16"), std::string::npos);
    EXPECT_FALSE(PathPattern::parse("a//b").error().cure.empty());
}

TEST(PathPatternTest, WritesItselfAsItWasRead) {
    for (const std::string_view text : {"telemetry", "sensors/*/state", "logs/**", "**", "*"}) {
        EXPECT_EQ(PathPattern::parse(text)->text(), text);
        EXPECT_EQ(PathPattern::parse(text)->is_exact(), !text.contains('*'));
    }
}

class RouterTest : public testing::Test {
protected:
    void add(std::string_view pattern, ResourceHandle resource, Methods methods = kUplink) {
        router_.add(PathPattern::parse(pattern).value(), methods, resource);
    }
    std::expected<ResourceHandle, Code> find(std::string_view path, Code method = Code::kPost) const {
        return router_.find(UriPath::of(path).value(), method);
    }

    Router router_;
};

// Whatever the order of the configuration file.
TEST_F(RouterTest, PrefersTheMoreSpecificRoute) {
    add("**", 1);
    add("a/**", 2);
    add("a/*", 3);
    add("a/b", 4);
    add("*/b", 5);
    add("a", 6);
    EXPECT_EQ(find("a/b"), 4U);
    EXPECT_EQ(find("a/c"), 3U);
    EXPECT_EQ(find("a/b/c"), 2U);
    EXPECT_EQ(find("x/b"), 5U);
    EXPECT_EQ(find("a"), 6U);
    EXPECT_EQ(find("x"), 1U);
    EXPECT_EQ(find(""), 1U);
}

TEST_F(RouterTest, TellsAWrongMethodFromAnUnknownPath) {
    add("telemetry", 1);
    add("time", 2, {Code::kGet});
    EXPECT_EQ(find("telemetry", Code::kPut), 1U);
    EXPECT_EQ(find("time", Code::kGet), 2U);
    EXPECT_EQ(find("telemetry", Code::kGet).error(), Code::kMethodNotAllowed);
    EXPECT_EQ(find("time", Code::kPost).error(), Code::kMethodNotAllowed);
    EXPECT_EQ(find("telemetry", static_cast<Code>(0x1f)).error(), Code::kMethodNotAllowed);
    EXPECT_EQ(find("nowhere").error(), Code::kNotFound);
    EXPECT_EQ(find("").error(), Code::kNotFound);
}

TEST_F(RouterTest, FindsAMethodOnALessSpecificRoute) {
    add("a/b", 1, {Code::kGet});
    add("a/**", 2);
    EXPECT_EQ(find("a/b", Code::kGet), 1U);
    EXPECT_EQ(find("a/b", Code::kPost), 2U);
}

TEST_F(RouterTest, AsksTheEarlierOfEqualRoutes) {
    add("a", 1);
    add("a", 2);
    EXPECT_EQ(find("a"), 1U);
}

TEST_F(RouterTest, KnowsNothingWhenItIsEmpty) {
    EXPECT_EQ(find("a").error(), Code::kNotFound);
}

}  // namespace
}  // namespace narrowgate::coap
