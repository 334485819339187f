// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_aliases.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "courier_world.hpp"

namespace narrowgate::daemon {
namespace {

mqtt::Publish applied(TopicAliases& aliases, const std::string& topic) {
    mqtt::Publish message{.topic = topic, .payload = {}, .content_type = {}};
    aliases.apply(message);
    return message;
}

TEST(TopicAliasesTest, ATopicIsSpeltOutOnceAndAnAliasStandsForItAfterwards) {
    TopicAliases aliases;
    aliases.begin(8);
    const auto first = applied(aliases, "dt/a");
    EXPECT_EQ(first.topic, "dt/a");
    EXPECT_EQ(first.topic_alias, 1);
    EXPECT_EQ(applied(aliases, "dt/b").topic_alias, 2);
    const auto again = applied(aliases, "dt/a");
    EXPECT_EQ(again.topic, "");
    EXPECT_EQ(again.topic_alias, 1);
    aliases.begin(8);
    EXPECT_EQ(applied(aliases, "dt/a").topic, "dt/a") << "aliases live as long as a connection";
}

TEST(TopicAliasesTest, ABrokerThatTakesNoneGetsNone) {
    TopicAliases aliases;
    EXPECT_EQ(applied(aliases, "dt/a").topic_alias, 0);
    aliases.begin(0);
    EXPECT_EQ(applied(aliases, "dt/a").topic_alias, 0);
    EXPECT_EQ(applied(aliases, "dt/a").topic, "dt/a");
}

// The broker's view, message by message: it always finds the topic that was meant.
TEST(TopicAliasesTest, WhateverTheOrderTheBrokerFindsTheTopicThatWasMeant) {
    std::mt19937 random(7);
    for (const std::uint16_t maximum : std::array<std::uint16_t, 4>{1, 2, 8, 100}) {
        TopicAliases aliases;
        aliases.begin(maximum);
        std::map<std::uint16_t, std::string> known;
        int saved = 0;
        for (int i = 0; i < 5'000; ++i) {
            const std::string topic = "dt/" + std::to_string(random() % 12);
            const auto message = applied(aliases, topic);
            ASSERT_GE(message.topic_alias, 1);
            ASSERT_LE(message.topic_alias, std::min(maximum, TopicAliases::kMost));
            if (message.topic.empty()) {
                ++saved;
                ASSERT_EQ(known.at(message.topic_alias), topic);
            } else {
                known[message.topic_alias] = message.topic;
            }
        }
        EXPECT_GT(saved, 100);
    }
}

using AliasedCourierTest = CourierTest;

TEST_F(AliasedCourierTest, EachConnectionBeginsWithTopicsSpeltOut) {
    const auto connect_with_aliases = [&] {
        turn();
        auto event = link_.accepts();
        event.limits.topic_alias_maximum = 8;
        tell(event);
    };
    source_.add_many(3);
    connect_with_aliases();
    ASSERT_EQ(link_.sent.size(), 3U);
    EXPECT_EQ(link_.sent[0].message.topic, "dt/wm-1/telemetry");
    EXPECT_EQ(link_.sent[1].message.topic, "");
    EXPECT_EQ(link_.sent[2].message.topic_alias, 1);
    tell(link_.breaks());
    link_.sent.clear();
    wait_for_deadline();
    connect_with_aliases();
    ASSERT_EQ(link_.sent.size(), 3U);
    EXPECT_EQ(link_.sent[0].message.topic, "dt/wm-1/telemetry");
    EXPECT_EQ(link_.sent[1].message.topic, "");
}

}  // namespace
}  // namespace narrowgate::daemon
