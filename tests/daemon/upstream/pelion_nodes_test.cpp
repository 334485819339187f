// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_nodes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

using State = PelionNodes::Node::State;
using testing::ElementsAre;
using testing::IsEmpty;

class PelionNodesTest : public testing::Test {
protected:
    PelionNodes::Node& ask(const std::string& name) {
        PelionNodes::Node& node = *nodes_.find_or_add(name);
        node.newest[{.object = 3300, .instance = 0, .resource = 5700}] = "1";
        nodes_.sent(name, node, now_);
        return node;
    }
    bool wait(milliseconds time, bool saw_start = true) {
        now_ += time;
        return nodes_.turn(now_, last_answer_, saw_start);
    }

    PelionNodes nodes_{3, seconds(10)};
    SteadyTime now_{seconds(1000)};
    std::optional<SteadyTime> last_answer_;
};

TEST_F(PelionNodesTest, HeldReadingsComeBackWithTheRegistrationOnce) {
    PelionNodes::Node& node = ask("a");
    EXPECT_FALSE(node.is_free());
    EXPECT_TRUE(nodes_.hold(node, 7));
    EXPECT_TRUE(nodes_.hold(node, 8));
    EXPECT_EQ(nodes_.held(), 2U);
    nodes_.registered("a");
    EXPECT_THAT(nodes_.released(), ElementsAre(7, 8));
    EXPECT_THAT(nodes_.released(), IsEmpty());
    EXPECT_TRUE(node.is_free());
    EXPECT_FALSE(nodes_.deadline());
}

TEST_F(PelionNodesTest, WhatIsHeldHasABound) {
    PelionNodes::Node& node = ask("a");
    for (std::size_t i = 0; i < PelionNodes::kMaxHeld; ++i)
        ASSERT_TRUE(nodes_.hold(node, i));
    EXPECT_FALSE(nodes_.hold(node, 1'000'000));
}

TEST_F(PelionNodesTest, FailuresAreTriedAgainFurtherAndFurtherApart) {
    ask("a");
    std::vector<milliseconds::rep> waits;
    for (int i = 0; i < 9; ++i) {
        nodes_.failed("a", now_);
        const auto wait = *nodes_.deadline() - now_;
        waits.push_back(std::chrono::duration_cast<seconds>(wait).count());
        now_ += wait;
        EXPECT_FALSE(nodes_.turn(now_, last_answer_, true));
        EXPECT_EQ(nodes_.next_repeat(), "a");
        nodes_.sent("a", *nodes_.find("a"), now_);
    }
    EXPECT_THAT(waits, ElementsAre(10, 20, 40, 80, 160, 320, 600, 600, 600));
}

// A node is never taken for registered while nobody has been heard.
TEST_F(PelionNodesTest, ASilenceAsksFirstWhetherTheTranslatorLives) {
    PelionNodes::Node& node = ask("a");
    EXPECT_TRUE(wait(seconds(10)));
    EXPECT_TRUE(wait(seconds(10)));
    EXPECT_EQ(node.state, State::kAsked);
    last_answer_ = now_;
    EXPECT_FALSE(wait(seconds(10)));
    EXPECT_EQ(nodes_.next_repeat(), "a") << "the first silence may be a lost value";
    nodes_.sent("a", node, now_);
    last_answer_ = now_ + seconds(1);
    EXPECT_FALSE(wait(seconds(10)));
    EXPECT_EQ(node.state, State::kRegistered);
}

TEST_F(PelionNodesTest, AFreshTranslatorHasEverythingSaidAgain) {
    ask("a");
    ask("b");
    nodes_.registered("a");
    nodes_.forget_registrations();
    EXPECT_EQ(nodes_.count_of(State::kNew), 2U);
    EXPECT_EQ(nodes_.next_repeat(), "a");
    EXPECT_EQ(nodes_.next_repeat(), "b");
    EXPECT_FALSE(nodes_.next_repeat());
    EXPECT_FALSE(nodes_.deadline());
}

TEST_F(PelionNodesTest, OneThatHasSaidItMeanwhileIsNotRepeated) {
    PelionNodes::Node& node = ask("a");
    nodes_.forget_registrations();
    nodes_.sent("a", node, now_);
    EXPECT_FALSE(nodes_.next_repeat());
}

TEST_F(PelionNodesTest, NodesBeyondTheLimitAreCountedOnce) {
    for (const char* name : {"a", "b", "c"})
        ASSERT_NE(nodes_.find_or_add(name), nullptr);
    EXPECT_EQ(nodes_.find_or_add("d"), nullptr);
    EXPECT_EQ(nodes_.find_or_add("d"), nullptr);
    EXPECT_EQ(nodes_.find_or_add("e"), nullptr);
    EXPECT_EQ(nodes_.turned_away(), 2U);
    EXPECT_NE(nodes_.find_or_add("a"), nullptr);
}

}  // namespace
}  // namespace narrowgate::daemon
