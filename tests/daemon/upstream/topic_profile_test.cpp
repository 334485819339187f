// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/upstream/aws_limits.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr WallTime kNow{std::chrono::seconds{1'772'366'400}};

std::shared_ptr<const Routes> routes_to(const std::string& topic) {
    Fleet fleet;
    fleet.name = "water-meters";
    for (const char* resource : {"telemetry", "alarms"}) {
        fleet.routes.push_back(
            {.resource = *coap::PathPattern::parse(resource), .upstream = "aws", .topic = topic});
    }
    return std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "aws", "gw-1"));
}

Reading reading_of(ReadingNumber number, const std::string& device, const std::string& payload = "17.25",
                   const std::string& resource = "telemetry", WallTime received = kNow) {
    return {.number = number,
            .id = "store-" + std::to_string(number),
            .device = device,
            .fleet = "water-meters",
            .resource = resource,
            .received = received,
            .content_format = 0,
            .payload = Bytes(payload.begin(), payload.end())};
}

std::vector<Reading> many(std::size_t count) {
    std::vector<Reading> readings;
    for (std::size_t i = 0; i < count; ++i)
        readings.push_back(reading_of(i + 1, "wm-" + std::to_string(i)));
    return readings;
}

// A whole queue, sent as the profile wants it, after everybody has waited long enough.
std::vector<mqtt::Publish> send_all(Profile& profile, std::vector<Reading> waiting, const Routes& routes) {
    std::vector<mqtt::Publish> sent;
    while (!waiting.empty()) {
        Parcel parcel = profile.next(waiting, routes, kNow + 1h);
        if (!parcel.publish) {
            ADD_FAILURE() << parcel.reason;
            break;
        }
        sent.push_back(*std::move(parcel.publish));
        for (auto place = parcel.places.rbegin(); place != parcel.places.rend(); ++place)
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(*place));
    }
    return sent;
}

std::vector<std::uint64_t> numbers_in(const mqtt::Publish& message) {
    std::vector<std::uint64_t> numbers;
    const json batch = json::parse(message.payload);
    for (const json& row : batch["rows"])
        numbers.push_back(row[0]);
    return numbers;
}

TopicProfileOptions batches() {
    return {.batch_bytes = aws::kMeteringUnitBytes, .batch_delay = 1s};
}

TEST(TopicProfileTest, WithoutBatchesAReadingIsAnEnvelopeOnItsRoutesTopic) {
    const auto routes = routes_to("dt/{fleet}/{device}/{resource}");
    const auto profile = topic_profile({});
    const auto sent = send_all(*profile, many(2), *routes);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[1].topic, "dt/water-meters/wm-1/telemetry");
    EXPECT_EQ(json::parse(sent[1].payload)["device"], "wm-1");
}

TEST(TopicProfileTest, ReadingsOfOneTopicShareMessagesOfOneMeteringUnit) {
    const auto routes = routes_to("dt/{gateway}/{resource}");
    const auto profile = topic_profile(batches());
    std::vector<std::uint64_t> numbers;
    const auto sent = send_all(*profile, many(1000), *routes);
    for (const mqtt::Publish& message : sent) {
        EXPECT_LE(message.topic.size() + message.content_type.size() + message.payload.size(),
                  aws::kMeteringUnitBytes);
        for (const std::uint64_t number : numbers_in(message))
            numbers.push_back(number);
    }
    EXPECT_LE(sent.size(), 12U);
    ASSERT_EQ(numbers.size(), 1000U);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        EXPECT_EQ(numbers[i], i + 1);
}

// What goes to another topic keeps its place in the queue, and is found there for a batch of its own.
TEST(TopicProfileTest, EachTopicHasItsOwnBatches) {
    const auto routes = routes_to("dt/{resource}");
    const auto profile = topic_profile(batches());
    std::vector<Reading> waiting;
    for (ReadingNumber number = 1; number <= 6; ++number)
        waiting.push_back(reading_of(number, "wm-1", "x", number % 3 == 0 ? "alarms" : "telemetry"));
    const auto sent = send_all(*profile, waiting, *routes);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].topic, "dt/telemetry");
    EXPECT_THAT(numbers_in(sent[0]), ElementsAre(1, 2, 4, 5));
    EXPECT_EQ(sent[1].topic, "dt/alarms");
    EXPECT_THAT(numbers_in(sent[1]), ElementsAre(3, 6));
}

TEST(TopicProfileTest, ATopicWithTheDeviceInItMakesABatchADevice) {
    const auto routes = routes_to("dt/{device}");
    const auto profile = topic_profile(batches());
    const auto sent =
        send_all(*profile, {reading_of(1, "a"), reading_of(2, "b"), reading_of(3, "a")}, *routes);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_THAT(numbers_in(sent[0]), ElementsAre(1, 3));
    EXPECT_THAT(numbers_in(sent[1]), ElementsAre(2));
}

TEST(TopicProfileTest, AReadingWaitsForCompanyAndNoLongerThanTheDelay) {
    const auto routes = routes_to("dt/{resource}");
    const auto profile = topic_profile(batches());
    const auto waiting = many(3);
    const Parcel early = profile->next(waiting, *routes, kNow + 300ms);
    ASSERT_TRUE(early.wait);
    EXPECT_EQ(*early.wait, 700ms);
    EXPECT_TRUE(early.places.empty());
    const Parcel due = profile->next(waiting, *routes, kNow + 1s);
    EXPECT_THAT(due.places, ElementsAre(0, 1, 2));
    // A clock that was set back must not hold readings for as long as it went.
    EXPECT_FALSE(profile->next(waiting, *routes, kNow - 1h).wait);
}

TEST(TopicProfileTest, AFullBatchDoesNotWait) {
    const auto routes = routes_to("dt/{resource}");
    const auto profile = topic_profile(batches());
    EXPECT_GT(profile->next(many(300), *routes, kNow).places.size(), 50U);
    // Nor behind a reading of another topic that does.
    auto waiting = many(300);
    waiting.insert(waiting.begin(), reading_of(0, "wm-1", "x", "alarms"));
    const Parcel parcel = profile->next(waiting, *routes, kNow);
    ASSERT_FALSE(parcel.wait);
    EXPECT_EQ(parcel.places.front(), 1U);
}

TEST(TopicProfileTest, WhatTheBrokerWouldNotTakeIsToldAndNotSent) {
    auto options = batches();
    options.topics = aws_topic_limits();
    options.max_payload_bytes = aws::kMaxPayloadBytes;
    const auto profile = topic_profile(options);
    const auto deep = profile->next(many(1), *routes_to("a/b/c/d/e/f/g/h/i"), kNow + 1s);
    EXPECT_THAT(deep.reason, HasSubstr("8 slashes"));
    const auto basic_ingest =
        profile->next(many(1), *routes_to("$aws/rules/telemetry/a/b/c/d/e/f/g/h"), kNow + 1s);
    EXPECT_TRUE(basic_ingest.publish) << basic_ingest.reason;
    const auto longer = profile->next(std::vector{reading_of(1, std::string(300, 'x'))},
                                      *routes_to("dt/{device}"), kNow + 1s);
    EXPECT_THAT(longer.reason, HasSubstr("topic of 303 bytes"));
    const auto large = profile->next(std::vector{reading_of(1, "a", std::string(140'000, 'x'))},
                                     *routes_to("dt"), kNow + 1s);
    EXPECT_THAT(large.reason, HasSubstr("payload of"));
    EXPECT_FALSE(large.publish);
}

TEST(TopicProfileTest, AReadingWithoutARouteIsTold) {
    const auto profile = topic_profile(batches());
    const auto parcel =
        profile->next(std::vector{reading_of(1, "a", "x", "elsewhere")}, *routes_to("dt"), kNow);
    EXPECT_THAT(parcel.reason, HasSubstr("no route of elsewhere"));
    EXPECT_THAT(parcel.places, ElementsAre(0));
}

}  // namespace
}  // namespace narrowgate::daemon
