// SPDX-License-Identifier: Apache-2.0
//
// What becomes of readings that a broker does not take.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "courier_world.hpp"
#include "daemon/upstream/aws_limits.hpp"

namespace narrowgate::daemon {
namespace {

using mqtt::ReasonCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST_F(CourierTest, AReadingThatIsRefusedForItselfIsADeadLetterAndTheOthersGoOn) {
    connect();
    source_.add_many(3);
    turn();
    tell(link_.answers());
    tell(link_.answers(ReasonCode::kNotAuthorized));
    tell(link_.answers());
    EXPECT_THAT(source_.acknowledged, ElementsAre(1, 3));
    EXPECT_THAT(source_.dead_letters, ElementsAre(Pair(2, HasSubstr("not authorized (0x87)"))));
    EXPECT_EQ(courier_->status().refused, 1U);
}

// A policy that refuses everything must not pour the store into dead letters: not one reading of it.
TEST_F(CourierTest, TheSameRefusalTwentyTimesRunningPausesTheUpstreamAndNothingIsGivenUp) {
    connect();
    source_.add_many(300);
    turn();
    drain(ReasonCode::kNotAuthorized);
    EXPECT_THAT(source_.dead_letters, IsEmpty());
    EXPECT_EQ(source_.waiting(), 300U);
    EXPECT_TRUE(courier_->status().state.paused);
    EXPECT_THAT(courier_->status().state.trouble, HasSubstr("not authorized (0x87)"));

    // Single publishes find out whether it is over, ever further apart.
    std::chrono::nanoseconds longest{0};
    for (int i = 0; i < 12; ++i) {
        const SteadyTime before = clock_.now().steady;
        const std::size_t sent_before = link_.sent.size();
        wait_for_deadline();
        ASSERT_EQ(link_.sent.size(), sent_before + 1);
        longest = std::max(longest, clock_.now().steady - before);
        tell(link_.answers(ReasonCode::kNotAuthorized));
    }
    EXPECT_GT(longest, std::chrono::seconds(60));
    EXPECT_THAT(source_.dead_letters, IsEmpty());

    // The policy is corrected.
    wait_for_deadline();
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_EQ(source_.acknowledged.size(), 300U);
    EXPECT_FALSE(courier_->status().state.paused);
    EXPECT_EQ(courier_->status().state.trouble, "");
}

TEST_F(CourierTest, RefusalsWithSuccessesBetweenThemDoNotPause) {
    connect();
    source_.add_many(100);
    turn();
    for (bool good = true; !link_.unanswered.empty(); good = !good) {
        tell(link_.answers(good ? ReasonCode::kSuccess : ReasonCode::kTopicNameInvalid));
    }
    EXPECT_EQ(source_.dead_letters.size(), 49U) << "the last is not yet known to be alone";
    wait_for_deadline();
    EXPECT_EQ(source_.dead_letters.size(), 50U);
    EXPECT_FALSE(courier_->status().state.paused);
}

// A refusal is a reading's own when the broker takes others after it, or when nothing else is there to ask.
TEST_F(CourierTest, ARefusedReadingIsHeldUntilTheBrokerHasTakenAnother) {
    connect();
    source_.add_many(2);
    turn();
    tell(link_.answers(ReasonCode::kPayloadFormatInvalid));
    EXPECT_THAT(source_.dead_letters, IsEmpty());
    tell(link_.answers());
    EXPECT_THAT(source_.dead_letters, ElementsAre(Pair(1, HasSubstr("0x99"))));
}

TEST_F(CourierTest, AHeldReadingIsNotSentAgainAfterAReconnect) {
    connect();
    source_.add();
    turn();
    tell(link_.answers(ReasonCode::kPayloadFormatInvalid));
    tell(link_.breaks());
    wait_for_deadline();
    tell(link_.accepts());
    EXPECT_EQ(link_.sent.size(), 1U);
    wait(Suspects::kPatience);
    EXPECT_EQ(source_.dead_letters.size(), 1U);
}

// The broker of one of our own tests: it ends the connection, without a word, when it sees reading 3.
TEST_F(CourierTest, AReadingThatEndsTheConnectionEachTimeIsFoundAndTheOthersPass) {
    connect();
    source_.add_many(8);
    turn();
    for (int round = 0; round < 40 && source_.dead_letters.empty(); ++round) {
        bool broken = false;
        while (!broken && !link_.unanswered.empty()) {
            broken = link_.unanswered.front().message.payload.contains("\"id\":\"store-3\"");
            tell(broken ? link_.breaks() : link_.answers());
        }
        if (!broken) break;
        wait_for_deadline();
        tell(link_.accepts());
        source_.add();
        turn();
    }
    drain();
    ASSERT_THAT(source_.dead_letters, ElementsAre(Pair(3, HasSubstr("ended the connection"))));
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_EQ(link_.unanswered.size(), 0U);
}

// A line that never holds long enough for one PUBACK proves nothing about a reading.
TEST_F(CourierTest, ABadLineCondemnsNothing) {
    source_.add_many(5);
    connect();
    for (int round = 0; round < 50; ++round) {
        tell(link_.breaks());
        wait_for_deadline();
        tell(link_.accepts());
    }
    EXPECT_THAT(source_.dead_letters, IsEmpty());
    drain();
    EXPECT_EQ(source_.acknowledged.size(), 5U);
}

TEST_F(CourierTest, ABrokerWithoutQuotaSlowsTheBacklogAloneAndNothingIsGivenUp) {
    begin_with(60);
    connect();
    tell(link_.answers(ReasonCode::kQuotaExceeded));
    // What was in flight is answered well; the backlog now waits all the same.
    drain();
    const std::size_t sent_before = link_.sent.size();
    const ReadingNumber fresh = source_.add();
    turn();
    ASSERT_EQ(link_.sent.size(), sent_before + 1);
    EXPECT_EQ(sent().back(), fresh);
    drain();
    EXPECT_GT(source_.waiting(), 0U);
    wait_for_deadline();
    EXPECT_EQ(sent()[sent_before + 1], 1U) << "what was refused comes first";
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_THAT(source_.dead_letters, IsEmpty());
    EXPECT_EQ(courier_->deadline(), std::nullopt);
}

// Refusals for the same quota come in one burst for all that is in flight: one wait for all of them.
TEST_F(CourierTest, ABurstOfQuotaRefusalsIsOneWaitAndEachReadingIsDeliveredOnce) {
    begin_with(19);
    connect();
    while (!link_.unanswered.empty())
        tell(link_.answers(ReasonCode::kQuotaExceeded));
    EXPECT_EQ(link_.sent.size(), 19U);
    wait_for_deadline();
    drain();
    EXPECT_EQ(link_.sent.size(), 38U);
    EXPECT_EQ(source_.acknowledged, range(1, 19));
}

// A broker that throttles answers a whole window alike. That is one refusal, not twenty: live readings go on.
TEST_F(CourierTest, AWindowFullOfQuotaRefusalsDoesNotPauseWhatIsLive) {
    begin_with(60);
    connect();
    ASSERT_GT(link_.unanswered.size(), Refusals::kPauseAfter);
    while (!link_.unanswered.empty())
        tell(link_.answers(ReasonCode::kQuotaExceeded));
    EXPECT_FALSE(courier_->status().state.paused);
    const ReadingNumber fresh = source_.add();
    turn();
    ASSERT_EQ(link_.unanswered.size(), 1U);
    EXPECT_EQ(sent().back(), fresh);
    drain();
    wait_for_deadline();
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
}

TEST_F(CourierTest, ALiveReadingThatMetAQuotaIsTriedAgainBeforeTheBacklog) {
    begin_with(500);
    connect();
    const ReadingNumber fresh = source_.add();
    turn();
    tell(link_.answers(ReasonCode::kQuotaExceeded));  // of the backlog: it rests
    while (link_.unanswered.size() > 1)
        tell(link_.answers());
    tell(link_.answers(ReasonCode::kQuotaExceeded));  // of the live one
    ASSERT_TRUE(link_.unanswered.empty());
    const std::size_t sent_before = link_.sent.size();
    wait(std::chrono::seconds(1));
    ASSERT_GT(link_.sent.size(), sent_before);
    EXPECT_EQ(sent()[sent_before], fresh);
}

TEST_F(CourierTest, AReadingWhoseRouteIsGoneIsADeadLetterThatSaysSo) {
    connect();
    source_.add("wm-1", "elsewhere");
    source_.add();
    turn();
    EXPECT_THAT(source_.dead_letters, ElementsAre(Pair(1, HasSubstr("no route of elsewhere"))));
    EXPECT_THAT(sent(), ElementsAre(2));
}

// It would end the connection (MQTT 5 section 3.2.2.3.6), and be sent again, for ever.
TEST_F(CourierTest, AMessageAboveTheBrokersPacketSizeIsADeadLetterAndNotSent) {
    turn();
    mqtt::Event event = link_.accepts();
    event.limits.maximum_packet_size = 100;
    tell(event);
    source_.add();
    turn();
    EXPECT_THAT(link_.sent, IsEmpty());
    EXPECT_THAT(source_.dead_letters, ElementsAre(Pair(1, HasSubstr("packets of 100 at most"))));
}

TEST_F(CourierTest, APauseOutlivesAReconnect) {
    connect();
    source_.add_many(50);
    turn();
    drain(ReasonCode::kNotAuthorized);
    ASSERT_TRUE(courier_->status().state.paused);
    const std::size_t sent_before = link_.sent.size();
    tell(link_.breaks());
    wait_for_deadline();
    tell(link_.accepts());
    EXPECT_LE(link_.sent.size(), sent_before + 1);
    EXPECT_TRUE(courier_->status().state.paused);
}

TEST_F(CourierTest, AReadingOfWhichNothingIsToBeSentIsDoneAndCounted) {
    class NothingOfOddOnes final : public Profile {
        Parcel next(std::span<const Reading> waiting, const Routes&, WallTime) override {
            if (waiting.front().number % 2 == 1) return {.places = {0}, .unwanted = true};
            return {
                .places = {0},
                .publish = mqtt::Publish{.topic = "t", .payload = "\"id\":\"store-2\"", .content_type = {}}};
        }
    };
    profile_ = std::make_unique<NothingOfOddOnes>();
    make({});
    source_.add_many(3);
    connect();
    EXPECT_THAT(source_.acknowledged, ElementsAre(1, 3)) << "and the source knows at once";
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_THAT(source_.dead_letters, IsEmpty());
    EXPECT_EQ(courier_->status().state.unmapped, 2U);
    EXPECT_EQ(courier_->status().state.delivered, 1U);
}

TEST_F(CourierTest, UnitsAreCountedAsTheyAreAndAsTheyWouldBeAlone) {
    profile_ = topic_profile({.batch_bytes = aws::kMeteringUnitBytes, .batch_delay = milliseconds(0)});
    make({});
    source_.add_many(100);
    connect();
    drain();
    const auto state = courier_->status().state;
    EXPECT_EQ(state.message_readings, 100U);
    EXPECT_LE(state.metered_units, 3U);
    EXPECT_EQ(state.metered_units, state.messages);
    EXPECT_GE(state.units_alone, 100U);
}

TEST_F(CourierTest, ADeadLetterThatIsSentAgainGoesByTheBacklogLaneUnderItsId) {
    begin_with(3);
    connect();
    tell(link_.answers());
    tell(link_.answers(mqtt::ReasonCode::kNotAuthorized));
    tell(link_.answers());
    ASSERT_EQ(source_.dead_letters.size(), 1U);
    source_.bring_back(2);
    source_.add();
    turn();
    EXPECT_EQ(sent(), (std::vector<ReadingNumber>{1, 2, 3, 4, 2})) << "what is new goes first";
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_THAT(source_.acknowledged, ElementsAre(1, 3, 4, 2));
    EXPECT_EQ(source_.dead_letters.size(), 1U);
}

}  // namespace
}  // namespace narrowgate::daemon
