// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/reconnect_wait.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace narrowgate::daemon {
namespace {

using mqtt::Reaction;
using std::chrono::minutes;

class ReconnectWaitTest : public testing::Test {
protected:
    // Of `count` connections that end alike.
    std::vector<milliseconds> after(const ReconnectWait::Ended& ended, int count) {
        std::vector<milliseconds> waits(static_cast<std::size_t>(count));
        for (milliseconds& wait : waits)
            wait = wait_->after(ended);
        return waits;
    }

    std::optional<ReconnectWait> wait_{std::in_place, ReconnectOptions{}, 1};
};

struct Bounds {
    Reaction reaction;
    milliseconds least;
    milliseconds first;  // the first wait's upper end
    milliseconds most;
};

// Each row of the table, by how long it makes us wait.
TEST_F(ReconnectWaitTest, EachReactionHasItsOwnRange) {
    for (const Bounds& bounds : {
             Bounds{Reaction::kReconnect, seconds(1), seconds(2), seconds(120)},
             Bounds{Reaction::kSpread, seconds(1), seconds(10), seconds(120)},
             Bounds{Reaction::kWaitLonger, seconds(10), seconds(30), seconds(600)},
             Bounds{Reaction::kOperator, seconds(15), seconds(60), seconds(300)},
             Bounds{Reaction::kDuplicate, seconds(5), seconds(20), seconds(600)},
             Bounds{Reaction::kHalveWindow, seconds(1), seconds(2), seconds(120)},
             Bounds{Reaction::kShrinkPacket, seconds(1), seconds(2), seconds(120)},
             Bounds{Reaction::kNoAliases, seconds(1), seconds(2), seconds(120)},
         }) {
        wait_.emplace(ReconnectOptions{}, 1);
        const auto waits = after({.reaction = bounds.reaction}, 60);
        EXPECT_GE(*std::ranges::min_element(waits), bounds.least) << static_cast<int>(bounds.reaction);
        EXPECT_LE(waits.front(), bounds.first) << static_cast<int>(bounds.reaction);
        EXPECT_LE(*std::ranges::max_element(waits), bounds.most) << static_cast<int>(bounds.reaction);
        EXPECT_GT(*std::ranges::max_element(waits), bounds.most / 2) << "it does not grow";
    }
}

TEST_F(ReconnectWaitTest, AGoodConnectionStartsOver) {
    after({}, 20);
    EXPECT_LE(wait_->after({.stood = minutes(1)}), seconds(2));
}

// Two gateways with one client ID deliver a little each time before they throw each other off.
TEST_F(ReconnectWaitTest, ADisputedClientIdIsNotForgottenForADelivery) {
    const auto waits = after({.reaction = Reaction::kDuplicate, .stood = seconds(40), .delivered = true}, 30);
    EXPECT_GT(*std::ranges::max_element(waits), minutes(5));
    EXPECT_TRUE(wait_->is_disputed());
    wait_->stands(minutes(9));
    EXPECT_TRUE(wait_->is_disputed());
    wait_->stands(minutes(10));
    EXPECT_FALSE(wait_->is_disputed());
}

// As when a broker does not say that another client has our ID.
TEST_F(ReconnectWaitTest, ConnectionsThatDeliverAndEndSoonAreMadeEverLessOften) {
    const auto waits = after({.stood = seconds(1), .delivered = true}, 60);
    EXPECT_LE(waits.front(), seconds(2));
    EXPECT_LE(*std::ranges::max_element(waits), seconds(15)) << "a bad line must still deliver";
    EXPECT_GT(*std::ranges::max_element(waits), seconds(8));
    EXPECT_EQ(wait_->brief_connections(), 60U);
    wait_->stands(seconds(30));
    EXPECT_EQ(wait_->brief_connections(), 0U);
}

TEST_F(ReconnectWaitTest, APublishThatIsBlamedIsLookedForQuicklyAndAPolicyIsNot) {
    const ReconnectWait::Ended delivers{
        .reaction = Reaction::kBlamePublish, .stood = seconds(1), .delivered = true};
    for (const milliseconds wait : after(delivers, 20))
        EXPECT_LE(wait, seconds(15));
    wait_.emplace(ReconnectOptions{}, 1);
    const auto waits = after({.reaction = Reaction::kBlamePublish, .stood = seconds(1)}, 20);
    for (int i = 0; i < 3; ++i)
        EXPECT_LE(waits[static_cast<std::size_t>(i)], seconds(8));
    for (std::size_t i = 3; i < waits.size(); ++i)
        EXPECT_GE(waits[i], seconds(15));
}

TEST_F(ReconnectWaitTest, ABrokerThatClosesBehindARefusalIsConnectedToAtOnce) {
    for (int i = 0; i < 15; ++i) {
        for (const Reaction reaction : {Reaction::kReconnect, Reaction::kBlamePublish})
            EXPECT_EQ(wait_->after({.reaction = reaction, .stood = seconds(1), .refused = true}), seconds(1));
    }
    EXPECT_GT(wait_->after({.reaction = Reaction::kOperator, .stood = seconds(1), .refused = true}),
              seconds(10));
}

TEST_F(ReconnectWaitTest, NothingIsEverSoonerThanASecond) {
    for (int reaction = 0; reaction <= static_cast<int>(Reaction::kBlamePublish); ++reaction) {
        for (const bool delivered : {false, true}) {
            for (const seconds stood : {seconds(0), seconds(1), seconds(3600)}) {
                const auto waits = after(
                    {.reaction = static_cast<Reaction>(reaction), .stood = stood, .delivered = delivered},
                    50);
                EXPECT_GE(*std::ranges::min_element(waits), seconds(1));
            }
        }
    }
}

}  // namespace
}  // namespace narrowgate::daemon
