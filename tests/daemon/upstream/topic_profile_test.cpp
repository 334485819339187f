// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

#include <nlohmann/json.hpp>
#include <random>

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
    readings.reserve(count);
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

std::size_t metered_bytes(const mqtt::Publish& message) {
    return message.topic.size() + message.content_type.size() + message.payload.size();
}

std::size_t units_of(const std::vector<mqtt::Publish>& sent) {
    std::size_t units = 0;
    for (const mqtt::Publish& message : sent)
        units += (metered_bytes(message) + aws::kMeteringUnitBytes - 1) / aws::kMeteringUnitBytes;
    return units;
}

TEST(TopicProfileTest, WhereManyWaitAMessageIsOfSeveralBatchesAndMeteredNoHigher) {
    const auto routes = routes_to("dt/{gateway}/{resource}");
    const auto plain = send_all(*topic_profile(batches()), many(3000), *routes);
    for (const bool gzip : {false, true}) {
        auto options = batches();
        options.largest_batch_bytes = 8 * aws::kMeteringUnitBytes;
        options.gzip = gzip;
        const auto sent = send_all(*topic_profile(options), many(3000), *routes);
        for (const mqtt::Publish& message : sent)
            EXPECT_LE(metered_bytes(message), 8 * aws::kMeteringUnitBytes);
        EXPECT_LE(4 * sent.size(), plain.size()) << sent.size();
        EXPECT_LE(units_of(sent), units_of(plain));
    }
}

// One and a half would be metered as two.
TEST(TopicProfileTest, WhatIsNotEnoughForTwoBatchesGoesAsOneAndARest) {
    auto options = batches();
    options.largest_batch_bytes = 8 * aws::kMeteringUnitBytes;
    const auto profile = topic_profile(options);
    const auto routes = routes_to("dt/{gateway}/{resource}");
    const std::size_t full = numbers_in(send_all(*profile, many(1000), *routes).front()).size() / 8;
    const auto sent = send_all(*profile, many(full * 3 / 2), *routes);
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_LE(metered_bytes(sent[0]), aws::kMeteringUnitBytes);
    EXPECT_GT(metered_bytes(sent[0]), aws::kMeteringUnitBytes * 9 / 10);
}

TEST(TopicProfileTest, NoBatchIsLargerThanTheBrokerTakes) {
    for (const std::size_t most : {std::size_t{12'000}, std::size_t{3'000}}) {
        auto options = batches();
        options.largest_batch_bytes = 8 * aws::kMeteringUnitBytes;
        const auto profile = topic_profile(options);
        profile->set_most_bytes(most);
        std::size_t readings = 0;
        for (const mqtt::Publish& message : send_all(*profile, many(1000), *routes_to("dt"))) {
            EXPECT_LE(metered_bytes(message), most);
            readings += numbers_in(message).size();
        }
        EXPECT_EQ(readings, 1000U);
    }
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

std::string unpacked(const std::string& packed) {
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    std::string out(1 << 18, '\0');
    std::string in = packed;
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

TEST(TopicProfileTest, CompressedBatchesHoldMoreAndStayWithinTheUnit) {
    auto options = batches();
    options.gzip = true;
    const auto profile = topic_profile(options);
    const auto plain = topic_profile(batches());
    const auto routes = routes_to("dt/{gateway}/{resource}");
    std::vector<std::uint64_t> numbers;
    const auto sent = send_all(*profile, many(2000), *routes);
    for (const mqtt::Publish& message : sent) {
        EXPECT_EQ(message.content_type, "application/json+gzip");
        EXPECT_LE(message.topic.size() + message.content_type.size() + message.payload.size(),
                  aws::kMeteringUnitBytes);
        const json batch = json::parse(unpacked(message.payload));
        for (const json& row : batch["rows"])
            numbers.push_back(row[0]);
    }
    ASSERT_EQ(numbers.size(), 2000U);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        EXPECT_EQ(numbers[i], i + 1);
    EXPECT_LE(2 * sent.size(), send_all(*plain, many(2000), *routes).size());
}

TEST(TopicProfileTest, CompressedOrNotNoBatchIsLargerThanTheUnitForWhateverIsInIt) {
    auto options = batches();
    options.gzip = true;
    const auto profile = topic_profile(options);
    std::mt19937 random(3);
    std::vector<Reading> waiting;
    for (ReadingNumber number = 1; number <= 600; ++number) {
        // Now alike, now noise: what the last batch came to says little of the next.
        std::string text(random() % 200, 'x');
        if (number / 100 % 2 == 0)
            std::ranges::generate(text, [&] { return static_cast<char>('!' + random() % 90); });
        waiting.push_back(reading_of(number, "wm-" + std::to_string(random() % 50), text));
    }
    for (const mqtt::Publish& message : send_all(*profile, waiting, *routes_to("dt"))) {
        EXPECT_LE(message.topic.size() + message.content_type.size() + message.payload.size(),
                  aws::kMeteringUnitBytes);
    }
}

// Promised for every template, with batches and without: what comes from nodes adds no level, no wildcard, no
// control character, and never makes a topic one of the broker's own.
TEST(TopicProfileTest, NeitherIdentitiesNorPathsInjectAnythingIntoATopic) {
    std::mt19937 random(5);
    const std::string alphabet("/+#%$aw2F\x01\x7F\xC2\x85\xC3\xA4\xFF", 16);
    const auto noise = [&](bool with_slashes) {
        std::string text;
        for (std::size_t length = random() % 6; length > 0; --length) {
            const char c = alphabet[random() % alphabet.size()];
            if (with_slashes || c != '/') text += c;
        }
        return text;
    };
    for (const char* text : {"{device}", "dt/{device}/x", "{resource}/{device}", "dt/{resource}",
                             "$aws/rules/r/{device}/{resource}", "{fleet}{device}"}) {
        const std::string topic = text;
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back(
            {.resource = *coap::PathPattern::parse("**"), .upstream = "aws", .topic = topic});
        const auto routes = *Routes::of(std::span(&fleet, 1), "aws", "gw-1");
        const std::string prefix = topic.substr(0, topic.find('{'));
        for (const std::size_t batch : {std::size_t{0}, aws::kMeteringUnitBytes}) {
            const auto profile = topic_profile({.batch_bytes = batch, .batch_delay = 0s});
            for (int i = 0; i < 500; ++i) {
                std::string path = noise(false);
                for (std::size_t levels = random() % 3; levels > 0; --levels)
                    path += "/" + noise(false);
                const auto parcel =
                    profile->next(std::vector{reading_of(1, noise(true), "x", path)}, routes, kNow);
                if (!parcel.publish) continue;  // no path that a node can name
                const std::string& filled = parcel.publish->topic;
                const auto slashes_of = [](const std::string& in) { return std::ranges::count(in, '/'); };
                const bool has_path = topic.find("{resource}") != std::string::npos;
                EXPECT_EQ(slashes_of(filled), slashes_of(topic) + (has_path ? slashes_of(path) : 0))
                    << filled;
                EXPECT_EQ(filled.find_first_of("+#"), std::string::npos) << filled;
                EXPECT_TRUE(filled.starts_with(prefix));
                EXPECT_EQ(filled.starts_with('$'), topic.starts_with('$')) << filled;
                EXPECT_TRUE(std::ranges::none_of(
                    filled, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
            }
        }
    }
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
