// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

namespace narrowgate::daemon {
namespace {

using testing::HasSubstr;

std::string device_topic(std::string_view device) {
    return TopicTemplate::parse("dt/{device}")
        ->fill({.fleet = "f", .device = device, .resource = "r", .gateway = "g"});
}
std::string resource_topic(std::string_view resource) {
    return TopicTemplate::parse("{resource}")
        ->fill({.fleet = "f", .device = "d", .resource = resource, .gateway = "g"});
}

TEST(TopicTemplateTest, EachBlankIsFilled) {
    const auto topic = TopicTemplate::parse("dt/{fleet}/{device}/{resource}/by-{gateway}");
    ASSERT_TRUE(topic);
    EXPECT_EQ(topic->fill({.fleet = "water", .device = "wm-1", .resource = "a/b", .gateway = "gw-1"}),
              "dt/water/wm-1/a/b/by-gw-1");
}

TEST(TopicTemplateTest, WhatIsNoTemplateIsRefusedWithTheReason) {
    for (const auto& [text, reason] : {std::pair{"", "empty"},
                                       {"a/+/b", "subscriptions"},
                                       {"a/#", "subscriptions"},
                                       {"a/{device", "without its '}'"},
                                       {"a/device}", "without its '{'"},
                                       {"a/{devise}", "{devise} is not known"},
                                       {"a/{}", "is not known"},
                                       {"a/{{device}}", "is not known"},
                                       {"a\nb", "control character"},
                                       {"a\xFF", "UTF-8"}}) {
        const auto topic = TopicTemplate::parse(text);
        ASSERT_FALSE(topic) << text;
        EXPECT_THAT(topic.error().what, HasSubstr(reason));
    }
}

TEST(TopicTemplateTest, AnIdentityIsOneLevelWhateverItHolds) {
    EXPECT_EQ(device_topic("urn:dev:mac:0024befffe804ff1"), "dt/urn:dev:mac:0024befffe804ff1");
    EXPECT_EQ(device_topic("a/b"), "dt/a%2Fb");
    EXPECT_EQ(device_topic("+"), "dt/%2B");
    EXPECT_EQ(device_topic("#"), "dt/%23");
    EXPECT_EQ(device_topic("100%"), "dt/100%25");
    EXPECT_EQ(device_topic("$SYS"), "dt/%24SYS");
    EXPECT_EQ(device_topic("a$b"), "dt/a$b");
    EXPECT_EQ(device_topic(std::string_view("a\0b", 3)), "dt/a%00b");
    EXPECT_EQ(device_topic("a\x7F\n"), "dt/a%7F%0A");
    EXPECT_EQ(device_topic("z\xC3\xA4hler"), "dt/z\xC3\xA4hler");
    EXPECT_EQ(device_topic("a\xC2\x85z"), "dt/a%C2%85z");  // U+0085, a control character
    EXPECT_EQ(device_topic("a\xFFz"), "dt/a%FFz");
    EXPECT_EQ(device_topic(""), "dt/-");
}

TEST(TopicTemplateTest, AResourceKeepsItsLevelsAndItsEscapes) {
    EXPECT_EQ(resource_topic("a/b/c"), "a/b/c");
    EXPECT_EQ(resource_topic("$SYS/x"), "%24SYS/x");
    EXPECT_EQ(resource_topic("a/+/#"), "a/%2B/%23");
    EXPECT_EQ(resource_topic("a%2Fb"), "a%2Fb");
    EXPECT_EQ(resource_topic("a//b"), "a/-/b");
    EXPECT_EQ(resource_topic(""), "-");
}

// Promised: identities can never inject levels or wildcards, and two of them never share a topic.
TEST(TopicTemplateTest, RandomIdentitiesInjectNothingAndStayDistinct) {
    std::mt19937 random(1);
    const std::string alphabet = std::string("/+#%$ab2F\x01\x7F\xC2\x85\xC3\xA4\xFF", 17);
    std::set<std::string> identities;
    std::set<std::string> topics;
    for (int i = 0; i < 20'000; ++i) {
        std::string identity;
        for (std::size_t length = 1 + random() % 6; length > 0; --length)
            identity += alphabet[random() % alphabet.size()];
        const std::string topic = device_topic(identity);
        EXPECT_EQ(std::ranges::count(topic, '/'), 1) << topic;
        EXPECT_EQ(topic.find_first_of("+#"), std::string::npos) << topic;
        EXPECT_TRUE(std::ranges::none_of(topic, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
        EXPECT_NE(topic[3], '$');
        identities.insert(identity);
        topics.insert(topic);
    }
    EXPECT_EQ(identities.size(), topics.size());
}

}  // namespace
}  // namespace narrowgate::daemon
