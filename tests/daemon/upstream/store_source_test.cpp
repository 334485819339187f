// SPDX-License-Identifier: Apache-2.0
//
// A courier over a real store: what an operator decides about dead letters reaches it while it runs.
#include "daemon/upstream/store_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/reading_units.hpp"
#include "daemon/upstream/courier.hpp"
#include "daemon/upstream/device_share.hpp"
#include "daemon/upstream/topic_profile.hpp"
#include "fakes/child_process.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/memory_upstream.hpp"

namespace narrowgate::daemon {
namespace {

using testing::HasSubstr;

class StoreSourceTest : public testing::Test {
protected:
    StoreSourceTest() {
        options_.directory = directory_.path() / "state";
        options_.ballast_bytes = 4096;
        store_ = *store::Store::open(options_, log_, store_clock_);
        aws_ = *store_->upstream("aws");
        sink_ = store_->add_sink([](std::vector<store::Completion>&&) {});
        head_ = std::make_unique<CommittedHead>(*store_);
        source_ = device_share(*store_source(*store_, aws_, *head_), 0, 1);
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back(
            {.resource = *coap::PathPattern::parse("**"), .upstream = "aws", .topic = "dt/{device}"});
        CourierOptions options;
        options.name = "aws";
        courier_ = std::make_unique<Courier>(
            options, *source_, link_, *profile_,
            std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "aws", "gw-1")), log_, 1);
    }

    void store_readings(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            ASSERT_TRUE(store_->submit(reading_unit(store::mask_of(aws_), store_clock_.now().wall, sink_)));
        ASSERT_TRUE(store_->flush());  // behind the units
        head_->advance(store_->head());
    }
    void turn() { courier_->turn(clock_.now()); }
    void tell(const mqtt::Event& event) {
        courier_->on_event(event, clock_.now());
        turn();
    }
    std::uint64_t pending() { return store_->status().upstreams.at(aws_).pending_readings; }

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
    std::unique_ptr<Profile> profile_ = topic_profile({});
    std::unique_ptr<Courier> courier_;
};

TEST_F(StoreSourceTest, ADeadLetterThatIsRetriedGoesOutUnderTheIdThatItHad) {
    store_readings(3);
    turn();
    tell(link_.accepts());
    ASSERT_EQ(link_.sent.size(), 3U);
    tell(link_.answers());
    tell(link_.answers(mqtt::ReasonCode::kNotAuthorized));
    tell(link_.answers());
    EXPECT_EQ(pending(), 0U);

    EXPECT_EQ(store_->retry_dead_letters({}, "user test (1000)").value_or(0), 1U);
    EXPECT_EQ(pending(), 1U);
    turn();
    ASSERT_EQ(link_.sent.size(), 4U);
    EXPECT_EQ(link_.sent[3].message.payload, link_.sent[1].message.payload);
    EXPECT_THAT(link_.sent[3].message.payload, HasSubstr(store::reading_id(store_->uuid(), 2)));
    turn();
    EXPECT_EQ(link_.sent.size(), 4U) << "once";
    tell(link_.answers());
    ASSERT_TRUE(store_->flush());
    EXPECT_EQ(pending(), 0U);
    EXPECT_TRUE(store_->dead_letters(10)->empty());
}

TEST_F(StoreSourceTest, RetriedWhileTheUpstreamIsDownItGoesWhenTheUpstreamIsBack) {
    store_readings(2);
    turn();
    tell(link_.accepts());
    tell(link_.answers(mqtt::ReasonCode::kNotAuthorized));
    tell(link_.answers());
    clock_.advance(seconds(60));
    turn();
    tell(link_.breaks());
    ASSERT_TRUE(store_->retry_dead_letters({}, "user test (1000)"));
    turn();
    store_readings(1);
    clock_.advance(seconds(10));
    turn();
    link_.sent.clear();
    tell(link_.accepts());
    // What came shortly before the connection is live, what came back is backlog.
    ASSERT_EQ(link_.sent.size(), 2U);
    EXPECT_THAT(link_.sent[0].message.payload, HasSubstr(store::reading_id(store_->uuid(), 3)));
    EXPECT_THAT(link_.sent[1].message.payload, HasSubstr(store::reading_id(store_->uuid(), 1)));
}

}  // namespace
}  // namespace narrowgate::daemon
