// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/courier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "courier_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(CourierTest, AReadingGoesOutAsItsEnvelopeAndItsPubackAcknowledgesIt) {
    connect();
    source_.add("wm-7");
    turn();
    ASSERT_EQ(link_.sent.size(), 1U);
    EXPECT_EQ(link_.sent[0].message.topic, "dt/wm-7/telemetry");
    EXPECT_THAT(link_.sent[0].message.payload, HasSubstr("\"device\":\"wm-7\""));
    EXPECT_THAT(source_.acknowledged, IsEmpty());
    tell(link_.answers());
    EXPECT_THAT(source_.acknowledged, ElementsAre(1));
    EXPECT_EQ(courier_->status().state.delivered, 1U);
}

TEST_F(CourierTest, NoMoreThanTheWindowIsInFlight) {
    connect();
    source_.add_many(500);
    turn();
    EXPECT_EQ(link_.unanswered.size(), 64U);
    tell(link_.answers());
    EXPECT_EQ(link_.unanswered.size(), 64U);
    drain();
    EXPECT_EQ(sent(), range(1, 500));
    EXPECT_EQ(source_.waiting(), 0U);
    // One look into the store serves many publishes.
    EXPECT_LE(source_.reads, 8U);
}

TEST_F(CourierTest, TheBrokersReceiveMaximumNarrowsTheWindow) {
    connect(20);
    source_.add_many(100);
    turn();
    EXPECT_EQ(link_.unanswered.size(), 19U);
}

// A slow line would not bring a whole window of large ones over before they count as unanswered.
TEST_F(CourierTest, BytesOfABacklogInFlightAreBounded) {
    for (int i = 0; i < 40; ++i)
        source_.add_large(20'000);
    make({});
    connect();
    EXPECT_EQ(link_.unanswered.size(), 17U);
    tell(link_.answers());
    EXPECT_EQ(link_.unanswered.size(), 17U);
    source_.add_large(20'000);
    turn();
    EXPECT_EQ(link_.unanswered.size(), 18U) << "what is new goes all the same";
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
}

TEST_F(CourierTest, APacketThatTheBrokerWouldNotTakeIsNotMade) {
    profile_ = topic_profile({.batch_bytes = 5120, .largest_batch_bytes = 40'960});
    begin_with(1000);
    turn();
    auto accepts = link_.accepts();
    accepts.limits.maximum_packet_size = 9'000;
    tell(accepts);
    drain();
    wait(std::chrono::seconds(2));  // a rest that fills no batch
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_LE(link_.sent.size(), 16U);
    for (const auto& one : link_.sent)
        EXPECT_LE(one.message.payload.size(), 9'000U);
}

TEST_F(CourierTest, WhatIsNewDoesNotWaitBehindABacklog) {
    begin_with(1000);
    connect();
    const std::size_t backlog = link_.unanswered.size();
    EXPECT_EQ(backlog, 48U) << "a part of the window stays free for what is new";
    const ReadingNumber fresh = source_.add();
    turn();
    EXPECT_EQ(sent().back(), fresh);
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
    // Each lane in order.
    std::vector<ReadingNumber> old;
    for (const ReadingNumber number : sent()) {
        if (number != fresh) old.push_back(number);
    }
    EXPECT_EQ(old, range(1, 1000));
}

// The broker goes with publishes unanswered and some answered out of order: exactly the unanswered are sent
// again, with the ids they had.
TEST_F(CourierTest, AfterALossExactlyWhatWasNotAcknowledgedIsSentAgainWithTheSameIds) {
    connect();
    source_.add_many(10);
    turn();
    std::swap(link_.unanswered[0], link_.unanswered[3]);
    tell(link_.answers());
    tell(link_.answers());
    EXPECT_THAT(source_.acknowledged, ElementsAre(4, 2));
    std::map<ReadingNumber, std::string> before;
    for (std::size_t i = 0; i < link_.sent.size(); ++i)
        before[sent()[i]] = link_.sent[i].message.payload;
    tell(link_.breaks());
    EXPECT_FALSE(courier_->status().state.connected);
    EXPECT_EQ(courier_->status().in_flight, 0U);
    link_.sent.clear();
    wait_for_deadline();
    tell(link_.accepts());
    EXPECT_THAT(sent(), ElementsAre(1, 3, 5, 6, 7, 8, 9, 10));
    for (std::size_t i = 0; i < link_.sent.size(); ++i)
        EXPECT_EQ(link_.sent[i].message.payload, before[sent()[i]]);
    drain();
    EXPECT_EQ(source_.waiting(), 0U);
    EXPECT_EQ(courier_->status().state.reconnects, 1U);
}

TEST_F(CourierTest, AnAnswerOfAnAttemptThatIsOverIsNotTakenForOneOfTheNext) {
    connect();
    source_.add_many(3);
    turn();
    const mqtt::Event late = link_.answers();
    tell(link_.breaks());
    wait_for_deadline();
    tell(link_.accepts());
    tell(late);
    EXPECT_THAT(source_.acknowledged, IsEmpty());
}

TEST_F(CourierTest, ReconnectsAreAtLeastASecondApartAndGrowApartAndSpread) {
    turn();
    std::vector<std::chrono::nanoseconds> waits;
    for (int i = 0; i < 40; ++i) {
        const SteadyTime before = clock_.now().steady;
        tell(link_.refuses("connection refused"));
        wait_for_deadline();
        waits.push_back(clock_.now().steady - before);
        ASSERT_EQ(link_.attempts, static_cast<std::uint64_t>(i + 2));
    }
    EXPECT_GE(*std::ranges::min_element(waits), std::chrono::seconds(1));
    EXPECT_LE(*std::ranges::max_element(waits), std::chrono::seconds(120));
    EXPECT_GT(*std::ranges::max_element(waits), std::chrono::seconds(30));
    EXPECT_GT(std::set(waits.begin(), waits.end()).size(), 30U);
    EXPECT_THAT(courier_->status().state.trouble, HasSubstr("connection refused"));
}

// A broker that takes the connection and closes it at once must not be asked every second for ever.
TEST_F(CourierTest, AConnectionThatNeverDeliveredDoesNotShortenTheWait) {
    source_.add();
    turn();
    std::chrono::nanoseconds longest{0};
    for (int i = 0; i < 20; ++i) {
        tell(link_.accepts());
        const SteadyTime before = clock_.now().steady;
        tell(link_.breaks());
        wait_for_deadline();
        longest = std::max(longest, clock_.now().steady - before);
    }
    EXPECT_GT(longest, std::chrono::seconds(20));
}

TEST_F(CourierTest, ADeliveryShortensTheWaitAgain) {
    turn();
    for (int i = 0; i < 10; ++i) {
        tell(link_.refuses("no"));
        wait_for_deadline();
    }
    source_.add();
    tell(link_.accepts());
    drain();
    tell(link_.breaks());
    const auto next = courier_->status().next_attempt;
    ASSERT_TRUE(next);
    EXPECT_LE(*next - clock_.now().steady, std::chrono::seconds(2));
}

// AWS IoT Core drops publishes above its rate without a word; a line may be dead while TCP does not know.
TEST_F(CourierTest, APublishThatIsNeverAnsweredEndsTheConnectionAndIsSentAgain) {
    connect();
    source_.add();
    turn();
    wait_for_deadline();
    EXPECT_FALSE(courier_->status().state.connected);
    EXPECT_THAT(courier_->status().state.trouble, HasSubstr("not acknowledged within 60 s"));
    wait_for_deadline();
    tell(link_.accepts());
    EXPECT_THAT(sent(), ElementsAre(1, 1));
}

TEST_F(CourierTest, AnAttemptThatNeverEndsIsGivenUp) {
    turn();
    EXPECT_EQ(link_.attempts, 1U);
    wait_for_deadline();
    wait_for_deadline();
    EXPECT_EQ(link_.attempts, 2U);
}

TEST_F(CourierTest, AStoreThatCannotBeReadIsAskedAgainEachSecond) {
    source_.add();
    source_.broken = true;
    connect();
    EXPECT_THAT(courier_->status().state.trouble, HasSubstr("the disk does not answer"));
    const std::size_t reads = source_.reads;
    wait_for_deadline();
    EXPECT_EQ(source_.reads, reads + 1);
    source_.broken = false;
    wait_for_deadline();
    EXPECT_THAT(sent(), ElementsAre(1));
}

TEST_F(CourierTest, StoppingWaitsForAnswersAndSendsNothingNew) {
    connect();
    source_.add_many(2);
    turn();
    courier_->stop(clock_.now().steady + std::chrono::seconds(5));
    source_.add();
    turn();
    EXPECT_FALSE(courier_->is_over());
    tell(link_.answers());
    tell(link_.answers());
    EXPECT_TRUE(courier_->is_over());
    EXPECT_THAT(sent(), ElementsAre(1, 2));
    EXPECT_THAT(source_.acknowledged, ElementsAre(1, 2));
    EXPECT_EQ(link_.disconnects, 1U);
}

TEST_F(CourierTest, StoppingEndsInTimeWithoutAnswersAndAtOnceWithoutAConnection) {
    connect();
    source_.add();
    turn();
    courier_->stop(clock_.now().steady + std::chrono::seconds(5));
    turn();
    wait_for_deadline();
    EXPECT_TRUE(courier_->is_over());
    EXPECT_EQ(courier_->deadline(), std::nullopt);

    make({});
    turn();
    tell(link_.refuses("no"));
    courier_->stop(clock_.now().steady + std::chrono::seconds(5));
    turn();
    EXPECT_TRUE(courier_->is_over());
}

TEST_F(CourierTest, ANewCertificateMeansANewConnectionAndNothingIsLost) {
    connect();
    source_.add();
    turn();
    courier_->reconnect(clock_.now());
    turn();
    EXPECT_EQ(link_.attempts, 1U) << "a client id connects at most once a second";
    wait_for_deadline();
    EXPECT_EQ(link_.attempts, 2U);
    tell(link_.accepts());
    EXPECT_THAT(sent(), ElementsAre(1, 1));
}

// The dialer takes its time: the CONNECT may leave long after the attempt began.
TEST_F(CourierTest, ANewConnectionIsASecondAfterTheOldOneStood) {
    turn();
    wait(std::chrono::milliseconds(900));
    tell(link_.accepts());
    courier_->reconnect(clock_.now());
    wait(std::chrono::milliseconds(999));
    EXPECT_EQ(link_.attempts, 1U);
    wait(std::chrono::milliseconds(1));
    EXPECT_EQ(link_.attempts, 2U);
}

// A line that is away for a moment does not put what came meanwhile behind a large backlog.
TEST_F(CourierTest, WhatCameShortlyBeforeAConnectionIsLiveWithIt) {
    begin_with(1000);
    turn();
    wait(std::chrono::seconds(60));  // the broker is far
    const ReadingNumber early = source_.add();
    turn();
    wait(std::chrono::seconds(60));
    const ReadingNumber late = source_.add();
    turn();
    wait(std::chrono::seconds(2));
    tell(link_.refuses("no"));
    wait_for_deadline();
    tell(link_.accepts());
    EXPECT_EQ(sent().front(), late);
    EXPECT_THAT(sent(), testing::Not(testing::Contains(early)));
}

// However long a thread takes to start, and a first connection to stand.
TEST_F(CourierTest, WhatCameSinceTheStartIsLiveWithTheFirstConnection) {
    begin_with(1000);
    const ReadingNumber first = source_.add();
    turn();
    wait(std::chrono::milliseconds(900));
    const ReadingNumber second = source_.add();
    turn();
    tell(link_.accepts());
    ASSERT_GE(sent().size(), 2U);
    EXPECT_EQ(sent()[0], first);
    EXPECT_EQ(sent()[1], second);
}

TEST_F(CourierTest, NothingToDoMeansNoDeadline) {
    connect();
    EXPECT_EQ(courier_->deadline(), std::nullopt);
    source_.add();
    turn();
    drain();
    EXPECT_EQ(courier_->deadline(), std::nullopt);
}

}  // namespace
}  // namespace narrowgate::daemon
