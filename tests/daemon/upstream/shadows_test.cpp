// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/shadows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "daemon/upstream/aws_limits.hpp"
#include "daemon/upstream/aws_topics.hpp"
#include "daemon/upstream/topic_profile.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kTopic = "$aws/things/wm-1/shadow/update";
constexpr std::uint16_t kSenmlJson = 110;

Reading senml(ReadingNumber number, const std::string& payload, const std::string& device = "wm-1") {
    return {.number = number,
            .id = "store-" + std::to_string(number),
            .device = device,
            .fleet = "water-meters",
            .resource = "telemetry",
            .received = WallTime(seconds(1'772'366'400)),
            .content_format = kSenmlJson,
            .payload = Bytes(payload.begin(), payload.end())};
}
Reading volume(ReadingNumber number, const std::string& value, const std::string& device = "wm-1") {
    return senml(number, R"([{"bn":"urn:dev:)" + device + R"(:","n":"volume","u":"m3","v":)" + value + "}]",
                 device);
}
Parcel update(Shadows& shadows, const std::vector<Reading>& waiting) {
    std::vector<std::size_t> places(waiting.size());
    for (std::size_t i = 0; i < places.size(); ++i)
        places[i] = i;
    return shadows.next(waiting, places, std::string(kTopic));
}
json reported(const Parcel& parcel) {
    return json::parse(parcel.publish.value().payload).at("state").at("reported");
}

TEST(ShadowsTest, AReadingIsReportedStateUnderItsNamesWithoutTheDevice) {
    Shadows shadows;
    const auto parcel =
        update(shadows,
               {senml(7, R"([{"bn":"urn:dev:wm-1:","n":"volume","v":17.250},{"n":"meter/temperature","v":-3},
                      {"n":"meter/door","vb":true},{"n":"state","vs":"a \"b\""},{"n":"raw","vd":"AQI"}])")});
    EXPECT_THAT(parcel.places, ElementsAre(0));
    ASSERT_TRUE(parcel.publish) << parcel.reason;
    EXPECT_EQ(parcel.publish->topic, kTopic);
    EXPECT_EQ(parcel.publish->content_type, "application/json");
    EXPECT_EQ(parcel.publish->payload,
              R"({"state":{"reported":{"meter":{"door":true,"temperature":-3},"raw":"AQI",)"
              R"("state":"a \"b\"","volume":17.25}},"clientToken":"store-7"})");
}

TEST(ShadowsTest, NumbersKeepTheirDigits) {
    Shadows shadows;
    const auto parcel = update(shadows, {volume(1, "12345678901234567.8901")});
    EXPECT_THAT(parcel.publish->payload, HasSubstr(":12345678901234567.8901}"));
}

TEST(ShadowsTest, NamesBecomeKeysOfBoundedDepth) {
    const auto key = [](const char* name) {
        payload::Record record;
        record.name = name;
        return ShadowDocument::key_of(record);
    };
    EXPECT_THAT(key("urn:dev:{device}:volume"), ElementsAre("volume"));
    EXPECT_THAT(key("{device}/3303/0/5700"), ElementsAre("3303", "0", "5700"));
    EXPECT_THAT(key("urn:dev:{device}"), ElementsAre("value"));
    EXPECT_THAT(key("urn:dev:{device}:"), ElementsAre("value"));
    EXPECT_THAT(key("temperature"), ElementsAre("temperature"));
    EXPECT_THAT(key("a//b/"), ElementsAre("a", "b"));
    EXPECT_THAT(key("a/b/c/d/e/f/g"), ElementsAre("a", "b", "c", "d", "e/f/g"));
}

// A JSON member is a value or an object, never both.
TEST(ShadowsTest, AValueBesideDeeperOnesIsCalledValue) {
    Shadows shadows;
    const auto both =
        update(shadows, {senml(1, R"([{"n":"a","v":1},{"n":"a/b","v":2},{"n":"a/b/c","v":3}])")});
    EXPECT_EQ(reported(both), json::parse(R"({"a":{"value":1,"b":{"value":2,"c":3}}})"));
    const auto taken = update(shadows, {senml(2, R"([{"n":"a","v":1},{"n":"a/value","v":2}])")});
    EXPECT_EQ(reported(taken), json::parse(R"({"a":{"value":2}})"));
}

TEST(ShadowsTest, WhatWaitsOfADeviceIsOneUpdateAndTheNewestValueWins) {
    Shadows shadows;
    const auto parcel = update(shadows, {volume(1, "1"), senml(2, R"([{"n":"wm-1:battery","v":90}])"),
                                         volume(3, "3"), senml(4, "no pack"), volume(5, "5")});
    EXPECT_THAT(parcel.places, ElementsAre(0, 1, 2, 4)) << "what is no SenML waits for its turn";
    EXPECT_EQ(reported(parcel), json::parse(R"({"battery":90,"volume":5})"));
    EXPECT_EQ(json::parse(parcel.publish->payload).at("clientToken"), "store-5");
}

// "Device Shadow error messages": a client token above 64 bytes is refused with 400, after the PUBACK.
TEST(ShadowsTest, TheTokenOfAnUpdateIsNeverLongerThanAwsTakes) {
    Shadows shadows;
    Reading reading = volume(std::numeric_limits<ReadingNumber>::max(), "1");
    reading.id = store::reading_id(store::Uuid{}, reading.number);
    const auto parcel = update(shadows, {reading});
    EXPECT_LE(json::parse(parcel.publish->payload).at("clientToken").get<std::string>().size(), 64U);
}

// The backlog comes behind what is new.
TEST(ShadowsTest, AnOldValueThatComesLateDoesNotTakeTheNewOnesPlace) {
    Shadows shadows;
    EXPECT_EQ(reported(update(shadows, {volume(9, "9")})), json::parse(R"({"volume":9})"));
    const auto late = update(shadows, {volume(3, "3")});
    EXPECT_FALSE(late.publish);
    EXPECT_TRUE(late.unwanted);
    EXPECT_THAT(late.places, ElementsAre(0));
    const auto other =
        update(shadows, {senml(4, R"([{"n":"wm-1:volume","v":4},{"n":"wm-1:battery","v":80}])")});
    EXPECT_EQ(reported(other), json::parse(R"({"battery":80})")) << "what nobody has reported since is news";
    EXPECT_EQ(reported(update(shadows, {volume(9, "9")})), json::parse(R"({"volume":9})"))
        << "sent again after a lost connection";
}

TEST(ShadowsTest, WhatIsNoSenmlHasNothingToReport) {
    Shadows shadows;
    Reading text = volume(1, "1");
    text.content_format = 0;
    for (const Reading& reading : {text, senml(2, "{}"), senml(3, "")}) {
        const auto parcel = update(shadows, {reading});
        EXPECT_TRUE(parcel.unwanted);
        EXPECT_FALSE(parcel.publish);
        EXPECT_TRUE(parcel.reason.empty());
    }
}

TEST(ShadowsTest, AnUpdateIsNeverLargerThanTheServiceTakes) {
    Shadows shadows;
    std::vector<Reading> waiting;
    for (ReadingNumber number = 1; number <= 10; ++number) {
        waiting.push_back(senml(number, R"([{"n":"text)" + std::to_string(number) + R"(","vs":")" +
                                            std::string(2'100, 'x') + "\"}]"));
    }
    const auto parcel = update(shadows, waiting);
    EXPECT_THAT(parcel.places, ElementsAre(0, 1, 2));
    EXPECT_LE(parcel.publish->payload.size(), aws::kMaxShadowBytes);
    const auto large = update(shadows, {senml(99, R"([{"n":"a","vs":")" + std::string(9'000, 'x') + "\"}]")});
    EXPECT_FALSE(large.publish);
    EXPECT_THAT(large.reason, HasSubstr("and AWS IoT Core takes 8192"));
}

// Through the profile, as a route asks for it.
class ShadowRouteTest : public testing::Test {
protected:
    static std::shared_ptr<const Routes> routes(const std::string& thing = "{device}") {
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back({.resource = *coap::PathPattern::parse("telemetry"),
                                .upstream = "aws",
                                .topic = aws::shadow_topic(thing, "meter"),
                                .shadow = "meter"});
        return std::make_shared<const Routes>(*Routes::of(std::span(&fleet, 1), "aws", "gw-1"));
    }
    std::unique_ptr<Profile> profile_ = topic_profile({.topics = aws_topic_limits(),
                                                       .max_payload_bytes = aws::kMaxPayloadBytes,
                                                       .batch_bytes = aws::kMeteringUnitBytes,
                                                       .batch_delay = seconds(60)});
};

TEST_F(ShadowRouteTest, EachDeviceHasAnUpdateOfItsOwnAndWaitsForNobody) {
    const std::vector<Reading> waiting{volume(1, "1"), volume(2, "2", "wm-2"), volume(3, "3")};
    const auto parcel = profile_->next(waiting, *routes(), waiting[0].received);
    EXPECT_THAT(parcel.places, ElementsAre(0, 2));
    ASSERT_TRUE(parcel.publish);
    EXPECT_EQ(parcel.publish->topic, "$aws/things/wm-1/shadow/name/meter/update");
    EXPECT_EQ(reported(parcel), json::parse(R"({"volume":3})"));
    const auto named = profile_->next(waiting, *routes("{fleet}-{device}"), waiting[0].received);
    EXPECT_EQ(named.publish->topic, "$aws/things/water-meters-wm-1/shadow/name/meter/update");
}

// Whatever a device calls itself: its shadow, or none; never another topic.
TEST_F(ShadowRouteTest, AnIdentityThatIsNoThingsNameIsADeadLetterAndInjectsNothing) {
    std::mt19937 random(1);
    const std::string alphabet = std::string("/+#%$ab2F:_-\x01\x7F\xC3\xA4\xFF .") + '\0';
    const auto target = routes();
    int good = 0;
    for (int i = 0; i < 5'000; ++i) {
        std::string device;
        for (std::size_t length = 1 + random() % 6; length > 0; --length)
            device += alphabet[random() % alphabet.size()];
        const std::vector<Reading> waiting{senml(1, R"([{"n":"volume","v":1}])", device)};
        const auto parcel = profile_->next(waiting, *target, waiting[0].received);
        if (!aws::is_thing_name(device)) {
            EXPECT_FALSE(parcel.publish) << device;
            EXPECT_THAT(parcel.reason, HasSubstr("is no name of a thing"));
            continue;
        }
        ++good;
        EXPECT_EQ(parcel.publish.value().topic, "$aws/things/" + device + "/shadow/name/meter/update");
    }
    EXPECT_GT(good, 10);
    const std::vector<Reading> longest{senml(1, R"([{"n":"v","v":1}])", std::string(129, 'a'))};
    EXPECT_FALSE(profile_->next(longest, *target, longest[0].received).publish);
}

TEST(AwsTopicsTest, NamesAreWhatTheServicesTake) {
    EXPECT_TRUE(aws::is_rule_name("nbiot_telemetry"));
    for (const char* name : {"", "a-b", "a/b", "a+", "a b", "{device}"})
        EXPECT_FALSE(aws::is_rule_name(name)) << name;
    EXPECT_TRUE(aws::is_shadow_name("meter-1"));
    EXPECT_FALSE(aws::is_shadow_name(std::string(65, 'a')));
    EXPECT_EQ(aws::basic_ingest_topic("r", ""), "$aws/rules/r");
    EXPECT_EQ(aws::basic_ingest_topic("r", "dt/{fleet}"), "$aws/rules/r/dt/{fleet}");
    EXPECT_EQ(aws::shadow_topic("{device}", "classic"), "$aws/things/{device}/shadow/update");
    EXPECT_FALSE(aws::thing_template_fault("{fleet}:{device}"));
    for (const char* thing : {"", "{resource}", "a/b", "{device", "a.b", "+"})
        EXPECT_TRUE(aws::thing_template_fault(thing)) << thing;
}

}  // namespace
}  // namespace narrowgate::daemon
