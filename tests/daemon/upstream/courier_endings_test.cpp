// SPDX-License-Identifier: Apache-2.0
//
// What a broker says when it refuses or ends a connection, and what a courier does about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "courier_world.hpp"

namespace narrowgate::daemon {
namespace {

using mqtt::ReasonCode;
using std::chrono::minutes;
using testing::HasSubstr;
using testing::IsEmpty;

class CourierEndingsTest : public CourierTest {
protected:
    SteadyTime::duration next_attempt_in() const {
        const auto next = courier_->status().next_attempt;
        return next ? *next - clock_.now().steady : SteadyTime::duration::zero();
    }
    // Connects, delivers a reading, and is ended with `code`; the wait for the next attempt, which is gone
    // through.
    SteadyTime::duration round(ReasonCode code, seconds stood = seconds(1)) {
        tell(link_.accepts());
        source_.add();
        turn();
        drain();
        wait(stood);
        tell(link_.breaks(code));
        const auto wait = next_attempt_in();
        wait_for_deadline();
        return wait;
    }
};

// One refusal a connection, and the line is gone before anything is taken: each is settled all the same,
// soon.
TEST_F(CourierEndingsTest, ABrokerThatClosesBehindEachRefusalDoesNotStandInTheWayForLong) {
    begin_with(10);
    const SteadyTime begun = clock_.now().steady;
    turn();
    for (int i = 0; i < 10; ++i) {
        tell(link_.accepts());
        if (link_.unanswered.empty()) break;
        tell(link_.answers(ReasonCode::kNotAuthorized));
        tell(link_.breaks());
        wait_for_deadline();
    }
    EXPECT_LE(clock_.now().steady - begun, seconds(15));
    tell(link_.accepts());
    const ReadingNumber good = source_.add();
    turn();
    drain();
    EXPECT_THAT(source_.acknowledged, testing::Contains(good));
    EXPECT_EQ(source_.dead_letters.size(), 10U);
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_EQ(source_.dead_letters.front().second, "the broker refused it: not authorized (0x87)");
}

// Two gateways with one client ID: each connects, delivers a little and is thrown off.
TEST_F(CourierEndingsTest, AClientIdThatAnotherUsesTooIsTriedEverLessOftenAndStaysInStatus) {
    turn();
    SteadyTime::duration longest{0};
    for (int i = 0; i < 12; ++i) {
        const auto wait = round(ReasonCode::kSessionTakenOver);
        EXPECT_GE(wait, seconds(5));
        longest = std::max(longest, wait);
    }
    EXPECT_GT(longest, minutes(3));
    tell(link_.accepts());
    source_.add();
    turn();
    drain();
    EXPECT_THAT(courier_->status().state.trouble, HasSubstr("the line is cut"))
        << "a delivery proves nothing";
    wait(minutes(10));
    source_.add();
    turn();
    drain();
    EXPECT_EQ(courier_->status().state.trouble, "") << "the other one has gone";
}

TEST_F(CourierEndingsTest, ARefusalThatAPersonMustCureIsTriedSlowly) {
    for (const ReasonCode code : {ReasonCode::kClientIdNotValid, ReasonCode::kNotAuthorized,
                                  ReasonCode::kBadUserNameOrPassword, ReasonCode::kQosNotSupported}) {
        make({});
        turn();
        tell(link_.refuses("refused", code));
        EXPECT_GE(next_attempt_in(), seconds(15)) << mqtt::to_words(code);
        EXPECT_LE(next_attempt_in(), seconds(60)) << mqtt::to_words(code);
        EXPECT_THAT(courier_->status().state.trouble, HasSubstr("refused"));
    }
    EXPECT_GT(link_.disconnects, 0U) << "a broker that we refuse ourselves is left";
}

TEST_F(CourierEndingsTest, AQuotaIsGivenTime) {
    turn();
    tell(link_.refuses("quota", ReasonCode::kQuotaExceeded));
    EXPECT_GE(next_attempt_in(), seconds(10));
    wait_for_deadline();
    EXPECT_GE(round(ReasonCode::kQuotaExceeded), seconds(10));
}

TEST_F(CourierEndingsTest, ABrokerThatShutsDownIsComeBackToAtAnyMomentOfTheNextTenSeconds) {
    SteadyTime::duration longest{0};
    SteadyTime::duration shortest = minutes(1);
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        CourierOptions options;
        options.name = "aws";
        courier_ = std::make_unique<Courier>(options, source_, link_, *profile_, routes(), log_, seed);
        connect();
        tell(link_.breaks(ReasonCode::kServerShuttingDown));
        longest = std::max(longest, next_attempt_in());
        shortest = std::min(shortest, next_attempt_in());
    }
    EXPECT_GE(shortest, seconds(1));
    EXPECT_LT(shortest, seconds(3));
    EXPECT_GT(longest, seconds(7));
    EXPECT_LE(longest, seconds(10));
}

TEST_F(CourierEndingsTest, ReceiveMaximumExceededHalvesTheWindow) {
    CourierOptions options;
    options.window = 16;
    options.backlog_percent = 100;
    make(options);
    source_.add_many(100);
    connect();
    ASSERT_EQ(link_.unanswered.size(), 16U);
    tell(link_.breaks(ReasonCode::kReceiveMaximumExceeded));
    wait_for_deadline();
    tell(link_.accepts());
    EXPECT_EQ(link_.unanswered.size(), 8U);
    drain();
    EXPECT_EQ(source_.acknowledged.size(), 100U);
    EXPECT_THAT(source_.dead_letters, IsEmpty());
}

// The broker takes packets of 3000 bytes and has not said so.
TEST_F(CourierEndingsTest, PacketTooLargeMakesSmallerMessagesUntilThePacketsPassAndGivesUpWhatNeverCan) {
    profile_ = topic_profile({.batch_bytes = 8192});
    make({});
    source_.add_many(200);
    turn();
    for (int round = 0; round < 60 && source_.waiting() > 0; ++round) {
        tell(link_.accepts());
        bool refused = false;
        while (!refused && !link_.unanswered.empty()) {
            refused = link_.unanswered.front().message.payload.size() > 3000;
            tell(refused ? link_.breaks(ReasonCode::kPacketTooLarge) : link_.answers());
        }
        if (!refused) break;
        wait_for_deadline();
    }
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_THAT(source_.dead_letters, IsEmpty()) << "each of them fits by itself";
}

// A policy that the broker enforces by ending the connection: nothing passes, and nothing is given up.
TEST_F(CourierEndingsTest, NotAuthorizedForEveryPublishSlowsTheTriesAndLosesNothing) {
    source_.add_many(5);
    turn();
    SteadyTime::duration last{0};
    for (int i = 0; i < 12; ++i) {
        tell(link_.accepts());
        tell(link_.breaks(ReasonCode::kNotAuthorized));
        last = next_attempt_in();
        wait_for_deadline();
    }
    EXPECT_GE(last, seconds(15));
    EXPECT_EQ(source_.waiting(), 5U);
    EXPECT_THAT(source_.dead_letters, IsEmpty());
}

TEST_F(CourierEndingsTest, AReasonThatIsNoPublishsCondemnsNone) {
    source_.add_many(3);
    turn();
    for (int i = 0; i < 20; ++i) {
        tell(link_.accepts());
        for (const ReasonCode code : {ReasonCode::kServerShuttingDown}) {
            source_.add();
            turn();
            if (link_.unanswered.size() > 1) {
                // Others pass, the oldest does not: for a publish this would be evidence.
                link_.unanswered.push_front(link_.unanswered.back());
                link_.unanswered.pop_back();
                tell(link_.answers());
            }
            tell(link_.breaks(code));
        }
        wait_for_deadline();
    }
    EXPECT_THAT(source_.dead_letters, IsEmpty());
}

// AWS IoT Core takes one CONNECT a second of a client ID. CONNECT may be sent long after the attempt began.
TEST_F(CourierEndingsTest, NoPathConnectsTwiceWithinASecond) {
    turn();
    SteadyTime last_connect = clock_.now().steady;
    std::uint64_t attempts = link_.attempts;
    const auto settle = [&](const char* path) {
        for (int i = 0; i < 50 && link_.attempts == attempts; ++i)
            wait(milliseconds(100));
        if (link_.attempts == attempts) wait_for_deadline();
        ASSERT_EQ(link_.attempts, attempts + 1) << path;
        EXPECT_GE(clock_.now().steady - last_connect, seconds(1)) << path;
        attempts = link_.attempts;
        last_connect = clock_.now().steady;
    };
    // A slow handshake: CONNECT goes out 900 ms later, and is answered.
    wait(milliseconds(900));
    last_connect = clock_.now().steady;
    tell(link_.accepts());
    courier_->reconnect(clock_.now());
    turn();
    settle("new certificates right after a connect");

    wait(milliseconds(900));
    last_connect = clock_.now().steady;
    courier_->reconnect(clock_.now());
    turn();
    settle("new certificates while it connects");

    wait(milliseconds(900));
    last_connect = clock_.now().steady;
    tell(link_.refuses("no"));
    settle("a refused attempt");

    tell(link_.refuses("no"));
    courier_->reconnect(clock_.now());
    courier_->reconnect(clock_.now());
    turn();
    settle("new certificates twice while it waits");

    tell(link_.accepts());
    last_connect = clock_.now().steady;
    tell(link_.breaks());
    settle("a loss at once");

    wait(seconds(120));
    turn();
    last_connect = clock_.now().steady - seconds(60);
    settle("an attempt without an end");
}

}  // namespace
}  // namespace narrowgate::daemon
