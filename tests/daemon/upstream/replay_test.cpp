// SPDX-License-Identifier: Apache-2.0
//
// P7: what is sent once more goes behind all that is new or waits, by the routes of now. A courier over a
// real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "daemon/reading_units.hpp"
#include "daemon/upstream/courier.hpp"
#include "daemon/upstream/device_share.hpp"
#include "daemon/upstream/store_source.hpp"
#include "daemon/upstream/topic_profile.hpp"
#include "fakes/child_process.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/memory_upstream.hpp"

namespace narrowgate::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReplayLaneTest : public testing::Test {
protected:
    ReplayLaneTest() {
        options_.directory = directory_.path() / "state";
        options_.ballast_bytes = 4096;
        options_.retention = std::chrono::hours(24);
        store_ = *store::Store::open(options_, log_, store_clock_);
        aws_ = *store_->upstream("aws");
        sink_ = store_->add_sink([](std::vector<store::Completion>&&) {});
        head_ = std::make_unique<CommittedHead>(*store_);
        source_ = *store_source(*store_, aws_, *head_);
        CourierOptions options;
        options.name = "aws";
        options.window = 4;
        courier_ = std::make_unique<Courier>(options, *source_, link_, *profile_,
                                             routes_to("wrong/{resource}"), log_, 1);
    }

    static std::shared_ptr<const Routes> routes_to(const std::string& topic,
                                                   const std::string& resource = "**",
                                                   const std::string& shadow = {}) {
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back({.resource = *coap::PathPattern::parse(resource),
                                .upstream = "aws",
                                .topic = topic,
                                .shadow = shadow});
        return std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "aws", "gw-1"));
    }
    void store_readings(std::size_t count, const std::string& resource = "telemetry") {
        for (std::size_t i = 0; i < count; ++i) {
            auto unit = reading_unit(store::mask_of(aws_), store_clock_.now().wall, sink_);
            unit.reading->resource = resource;
            unit.reading->device = "wm-" + std::to_string(i);
            ASSERT_TRUE(store_->submit(std::move(unit)));
        }
        ASSERT_TRUE(store_->flush());  // behind the units
        head_->advance(store_->head());
    }
    // Time enough for all that rests a moment.
    void turn() {
        clock_.advance(milliseconds(2));
        courier_->turn(clock_.now());
    }
    void tell(const mqtt::Event& event) {
        courier_->on_event(event, clock_.now());
        turn();
    }
    void answer_all() {
        for (int turns = 0; turns < 10'000 && !link_.unanswered.empty(); ++turns)
            tell(link_.answers());
        ASSERT_TRUE(link_.unanswered.empty());
        ASSERT_TRUE(store_->flush());
    }
    // `count` readings, delivered under the wrong topic; what was sent so far is forgotten.
    void deliver(std::size_t count, const std::string& resource = "telemetry") {
        store_readings(count, resource);
        turn();
        if (!std::exchange(connected_, true)) tell(link_.accepts());
        answer_all();
        ASSERT_EQ(link_.sent.size(), count);
        link_.sent.clear();
    }
    void start() {
        const auto replay = store_->start_replay("aws", {}, "user test (1000)");
        ASSERT_TRUE(replay.has_value()) << replay.error().text();
        turn();
    }
    store::Replay replay() {
        EXPECT_TRUE(store_->flush());
        return store_->replays().at(0);
    }
    // The numbers of the readings in what was sent under topics that begin so.
    std::vector<std::uint64_t> sent_under(std::string_view topic) {
        std::vector<std::uint64_t> numbers;
        const std::string prefix = store_->uuid().text() + "-";
        for (const auto& sent : link_.sent) {
            const auto at = sent.message.payload.find(prefix);
            if (!sent.message.topic.starts_with(topic) || at == std::string::npos) continue;
            numbers.push_back(std::stoull(sent.message.payload.substr(at + prefix.size())));
        }
        return numbers;
    }

    fakes::TemporaryDirectory directory_;
    const fakes::ManualClock store_clock_;  // stands still: the writer reads it
    fakes::ManualClock clock_;
    Log log_{LogLevel::kError};
    store::Options options_;
    std::unique_ptr<store::Store> store_;
    store::UpstreamId aws_ = 0;
    store::SinkId sink_ = 0;
    std::unique_ptr<CommittedHead> head_;
    std::unique_ptr<ReadingSource> source_;
    fakes::MemoryLink link_;
    bool connected_ = false;
    std::unique_ptr<Profile> profile_ = topic_profile({});
    std::unique_ptr<Courier> courier_;
};

TEST_F(ReplayLaneTest, GoesByTheRoutesOfNowUnderTheIdsOfThen) {
    deliver(5);
    courier_->set_routes(routes_to("right/{resource}"));
    start();
    answer_all();
    EXPECT_THAT(sent_under("right/"), ElementsAre(1, 2, 3, 4, 5));
    EXPECT_EQ(replay().sent, 5U);
    EXPECT_TRUE(replay().ended.has_value());
    EXPECT_EQ(courier_->status().state.replayed, 5U);
    EXPECT_EQ(courier_->status().state.delivered, 5U);  // the first time
    turn();
    EXPECT_EQ(link_.sent.size(), 5U) << "once";
}

TEST_F(ReplayLaneTest, WhatIsNewDoesNotWaitBehindIt) {
    deliver(20);
    courier_->set_routes(routes_to("right/{resource}"));
    start();
    // Part of the window is free for what is new.
    EXPECT_EQ(link_.unanswered.size(), 3U);
    store_readings(4);
    turn();
    EXPECT_EQ(link_.sent.size(), 4U);
    EXPECT_EQ(sent_under("right/").back(), 21U);
    answer_all();
    const auto order = sent_under("right/");
    const auto last_new = std::ranges::find(order, 24U) - order.begin();
    EXPECT_LT(last_new, 12) << "of 24";
    EXPECT_EQ(order.size(), 24U);
}

TEST_F(ReplayLaneTest, WaitsForTheBacklog) {
    deliver(6);
    tell(link_.breaks());
    store_readings(10);
    turn();
    ASSERT_TRUE(store_->start_replay("aws", {}, "user test (1000)"));
    clock_.advance(seconds(120));  // all that waits is backlog now
    turn();
    tell(link_.accepts());
    answer_all();
    const auto order = sent_under("wrong/");
    ASSERT_GE(order.size(), 16U);
    for (std::size_t i = 0; i < 10; ++i)
        EXPECT_EQ(order[i], 7 + i);
    for (std::size_t i = 10; i < 16; ++i)
        EXPECT_EQ(order[i], i - 9);
    // Of those that waited when it began some were delivered before it came to them: they come again.
    for (std::size_t i = 16; i < order.size(); ++i)
        EXPECT_EQ(order[i], i - 9);
}

TEST_F(ReplayLaneTest, WhatWasInFlightWhenTheLineBrokeIsSentAgain) {
    deliver(5);
    start();
    ASSERT_EQ(link_.unanswered.size(), 3U);
    tell(link_.answers());
    tell(link_.breaks());
    clock_.advance(seconds(120));
    turn();
    tell(link_.accepts());
    answer_all();
    const auto order = sent_under("wrong/");
    for (std::uint64_t number = 1; number <= 5; ++number)
        EXPECT_EQ(std::ranges::count(order, number), number == 1 || number == 5 ? 1 : 2) << number;
    EXPECT_EQ(replay().sent, 5U);
}

TEST_F(ReplayLaneTest, WhatHasNoRouteNowOrOneToAShadowIsLeftOut) {
    deliver(2, "telemetry");
    deliver(3, "state");
    courier_->set_routes(routes_to("right/{resource}", "telemetry"));
    start();
    answer_all();
    EXPECT_THAT(sent_under("right/"), ElementsAre(1, 2));
    EXPECT_EQ(replay().left_out, 3U);
    EXPECT_TRUE(replay().ended.has_value());
    EXPECT_TRUE(store_->dead_letters(10)->empty());
    link_.sent.clear();
    courier_->set_routes(routes_to("$aws/things/{device}/shadow/update", "**", "x"));
    start();
    EXPECT_TRUE(link_.sent.empty());
    EXPECT_EQ(replay().left_out, 5U);
}

TEST_F(ReplayLaneTest, ACancelledOneSendsNothingMoreAndItsAnswersAreNobodys) {
    deliver(8);
    start();
    const std::size_t before = link_.sent.size();
    ASSERT_TRUE(store_->cancel_replay("aws", "user test (1000)"));
    courier_->set_routes(routes_to("right/{resource}"));
    start();  // another one, while the first one's are in flight
    answer_all();
    EXPECT_EQ(sent_under("wrong/").size(), before);
    EXPECT_THAT(sent_under("right/"), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(ReplayLaneTest, WhatTheBrokerRefusesIsADeadLetterOnceMore) {
    deliver(3);
    start();
    tell(link_.answers(mqtt::ReasonCode::kNotAuthorized));
    answer_all();
    EXPECT_EQ(replay().refused, 1U);
    EXPECT_EQ(replay().sent, 2U);
    const auto letters = store_->dead_letters(10);
    ASSERT_EQ(letters->size(), 1U);
    EXPECT_EQ(letters->front().reading.number, 1U);
    EXPECT_EQ(letters->front().reading.payload, (Bytes{1, 2, 3}));
}

TEST_F(ReplayLaneTest, SeveralConnectionsShareItAndLeaveNothing) {
    deliver(50);
    ASSERT_TRUE(store_->start_replay("aws", {}, "user test (1000)"));
    std::vector<ReadingNumber> all;
    for (const std::size_t index : {0U, 1U, 2U}) {
        const auto share = device_share(*store_source(*store_, aws_, *head_), index, 3);
        const auto stretch = share->replay();
        ASSERT_TRUE(stretch.has_value());
        for (ReadingNumber from = stretch->from; from < stretch->end;) {
            const auto part = share->read_replay(from, 10, 1'000'000);
            ASSERT_TRUE(part.has_value());
            ASSERT_GT(part->next, from);
            from = part->next;
            for (const Reading& reading : part->readings)
                all.push_back(reading.number);
        }
        EXPECT_FALSE(replay().ended.has_value());
    }
    EXPECT_EQ(all.size(), 50U);
    source_->acknowledge(all);
    EXPECT_EQ(replay().sent, 50U);
    EXPECT_TRUE(replay().ended.has_value());
}

}  // namespace
}  // namespace narrowgate::daemon
