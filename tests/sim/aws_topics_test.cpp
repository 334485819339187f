// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_topics.hpp"

#include <gtest/gtest.h>

namespace narrowgate::sim {
namespace {

TEST(AwsTopicsTest, TakesSevenSlashesAnd256Bytes) {
    EXPECT_EQ(kind_of_topic("1/2/3/4/5/6/7/8"), TopicKind::kPlain);
    EXPECT_EQ(kind_of_topic("1/2/3/4/5/6/7/8/9"), TopicKind::kInvalid);
    EXPECT_EQ(kind_of_topic(std::string(256, 'a')), TopicKind::kPlain);
    EXPECT_EQ(kind_of_topic(std::string(257, 'a')), TopicKind::kInvalid);
}

TEST(AwsTopicsTest, DoesNotCountThePrefixOfBasicIngest) {
    EXPECT_EQ(kind_of_topic("$aws/rules/unpack"), TopicKind::kBasicIngest);
    EXPECT_EQ(kind_of_topic("$aws/rules/unpack/1/2/3/4/5/6/7/8"), TopicKind::kBasicIngest);
    EXPECT_EQ(kind_of_topic("$aws/rules/unpack/1/2/3/4/5/6/7/8/9"), TopicKind::kInvalid);
    EXPECT_EQ(kind_of_topic("$aws/rules/unpack/" + std::string(256, 'a')), TopicKind::kBasicIngest);
    EXPECT_EQ(kind_of_topic("$aws/rules/"), TopicKind::kReserved);
}

TEST(AwsTopicsTest, KnowsShadowsAndClosesWhatElseIsReserved) {
    EXPECT_EQ(kind_of_topic("$aws/things/wm-1/shadow/update"), TopicKind::kShadowUpdate);
    EXPECT_EQ(kind_of_topic("$aws/things/wm-1/shadow/name/meter/update"), TopicKind::kShadowUpdate);
    for (const char* topic :
         {"$aws/things/wm-1/shadow/update/accepted", "$aws/things//shadow/update", "$SYS/broker",
          "$aws/events/presence/connected/gw-1", "$aws/things/wm-1/shadow/name//update"}) {
        EXPECT_EQ(kind_of_topic(topic), TopicKind::kReserved) << topic;
    }
}

TEST(AwsTopicsTest, TakesNoWildcards) {
    EXPECT_EQ(kind_of_topic("a/+"), TopicKind::kInvalid);
    EXPECT_EQ(kind_of_topic("a/#"), TopicKind::kInvalid);
    EXPECT_EQ(kind_of_topic(""), TopicKind::kInvalid);
}

TEST(AwsTopicsTest, WantsAReportedStateOf8KilobytesAtMost) {
    EXPECT_TRUE(is_shadow_document(bytes_of(R"({"state":{"reported":{"volume":17.25}}})")));
    EXPECT_FALSE(is_shadow_document(bytes_of(R"({"state":{"desired":{}}})")));
    EXPECT_FALSE(is_shadow_document(bytes_of(R"({"state":{"reported":1}})")));
    EXPECT_FALSE(is_shadow_document(bytes_of("no JSON")));
    const std::string large = R"({"state":{"reported":{"text":")" + std::string(8192, 'a') + R"("}}})";
    EXPECT_FALSE(is_shadow_document(bytes_of(large)));
}

TEST(AwsTopicsTest, MatchesFiltersButNotTheParentOfAll) {
    EXPECT_TRUE(matches("dt/+/telemetry", "dt/wm-1/telemetry"));
    EXPECT_FALSE(matches("dt/+/telemetry", "dt/wm-1/alarm"));
    EXPECT_FALSE(matches("dt/+", "dt/a/b"));
    EXPECT_TRUE(matches("dt/#", "dt/a/b"));
    EXPECT_FALSE(matches("dt/#", "dt"));
}

}  // namespace
}  // namespace narrowgate::sim
