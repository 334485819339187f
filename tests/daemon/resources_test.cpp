// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/resources.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "fakes/manual_clock.hpp"
#include "narrowgate/coap/codec.hpp"
#include "narrowgate/coap/node_clock.hpp"

namespace narrowgate::daemon {
namespace {

using coap::Code;
using coap::MessageType;

constexpr dtls::SessionId kSession = 7;

struct Ask {
    Code method = Code::kPost;
    std::string path = "telemetry";
    std::optional<std::uint16_t> format = coap::content_format::kJson;
    std::string payload = R"({"level":3})";
    std::optional<std::uint16_t> accept{};
    std::optional<coap::BlockOption> block1{};
    MessageType type = MessageType::kConfirmable;
    std::optional<WallTime> time{};
};

Fleet fleet_of_meters() {
    Fleet fleet;
    fleet.name = "water-meters";
    fleet.max_payload = 256;
    fleet.routes.push_back({*coap::PathPattern::parse("telemetry"), "aws", "dt/{device}"});
    fleet.routes.push_back({*coap::PathPattern::parse("telemetry"), "pelion", "nbiot/{device}"});
    fleet.routes.push_back({*coap::PathPattern::parse("alarms/*"), "aws", "al/{device}"});
    return fleet;
}

Fleet fleet_of_trackers() {
    Fleet fleet;
    fleet.name = "trackers";
    fleet.routes.push_back({*coap::PathPattern::parse("position"), "aws", "dt/{device}"});
    return fleet;
}

class ResourcesTest : public ::testing::Test {
protected:
    // The answer to one message, as the shard would get it: decoded by the message layer first.
    Answer ask(const Ask& ask) {
        Bytes datagram;
        coap::MessageWriter writer(datagram, ask.type, ask.method, ++mid_, bytes_of("tk"));
        std::string_view rest = ask.path;
        while (!rest.empty()) {
            const auto slash = rest.find('/');
            writer.option(coap::option::kUriPath, bytes_of(rest.substr(0, slash)));
            rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
        }
        if (ask.format) writer.option_uint(coap::option::kContentFormat, *ask.format);
        if (ask.accept) writer.option_uint(coap::option::kAccept, *ask.accept);
        if (ask.block1) writer.option_uint(coap::option::kBlock1, ask.block1->value());
        if (ask.time) coap::put_time(writer, *ask.time);
        writer.payload(bytes_of(ask.payload));

        const FleetPolicy* policy = policies_.find(fleet_);
        const auto options = policy == nullptr ? coap::MessageOptions{} : policy->fleet().messages;
        auto verdict = layer_.receive(kSession, datagram, options, clock_.now());
        const auto* request = std::get_if<coap::Request>(&verdict);
        EXPECT_NE(request, nullptr);
        if (request == nullptr) return {};
        return resources_.answer(*request, {"wm-0001", fleet_, policy, 440, overloaded_}, policies_,
                                 clock_.now());
    }

    static Code code_of(const Answer& answer) {
        const auto header = coap::peek_header(answer.reply);
        return header ? header->code : Code::kEmpty;
    }
    static seconds max_age_of(const Answer& answer) {
        const auto message = coap::decode(answer.reply);
        const auto max_age = message->first(coap::option::kMaxAge);
        return seconds(max_age ? coap::uint_of(*max_age).value_or(0) : 60);  // RFC 7252 section 5.10.5
    }
    static std::string payload_of(const Answer& answer) {
        return std::string(text_of(coap::decode(answer.reply)->payload()));
    }

    fakes::ManualClock clock_;
    const std::map<std::string, store::UpstreamId> upstreams_{{"aws", 0}, {"pelion", 5}};
    Policies policies_{{fleet_of_meters(), fleet_of_trackers()}, upstreams_};
    std::string fleet_ = "water-meters";
    coap::MessageLayer layer_;
    Resources resources_{1};
    bool overloaded_ = false;
    std::uint16_t mid_ = 0;
};

TEST_F(ResourcesTest, AReadingNamesItsDeviceAndEveryUpstreamOfItsRoutes) {
    const Answer answer = ask({});
    EXPECT_EQ(code_of(answer), Code::kChanged);
    ASSERT_TRUE(answer.reading.has_value());
    EXPECT_EQ(answer.reading->device, "wm-0001");
    EXPECT_EQ(answer.reading->fleet, "water-meters");
    EXPECT_EQ(answer.reading->resource, "telemetry");
    EXPECT_EQ(answer.reading->content_format, coap::content_format::kJson);
    EXPECT_EQ(answer.reading->upstreams, store::mask_of(0) | store::mask_of(5));
    EXPECT_EQ(answer.reading->received, clock_.now().wall);
}

TEST_F(ResourcesTest, PutIsAsGoodAsPostAndAStarTakesOneSegment) {
    const Answer answer = ask({.method = Code::kPut, .path = "alarms/leak"});
    EXPECT_EQ(code_of(answer), Code::kChanged);
    ASSERT_TRUE(answer.reading.has_value());
    EXPECT_EQ(answer.reading->upstreams, store::mask_of(0));
}

TEST_F(ResourcesTest, AnswersEachKindOfWrongRequestInItsOwnWay) {
    EXPECT_EQ(code_of(ask({.path = "nothing"})), Code::kNotFound);
    EXPECT_EQ(code_of(ask({.path = "alarms/a/b"})), Code::kNotFound);
    EXPECT_EQ(code_of(ask({.path = "position"})), Code::kForbidden);  // another fleet's
    EXPECT_EQ(code_of(ask({.method = Code::kGet, .format = std::nullopt, .payload = ""})),
              Code::kMethodNotAllowed);
    EXPECT_EQ(code_of(ask({.format = 41})), Code::kUnsupportedContentFormat);
    EXPECT_EQ(code_of(ask({.payload = R"({"level":)"})), Code::kBadRequest);
    EXPECT_EQ(code_of(ask({.format = 42, .payload = std::string(257, 'x')})), Code::kRequestEntityTooLarge);
}

// A device whose fleet is not in the configuration is known, but may do nothing.
TEST_F(ResourcesTest, ADeviceWithoutItsFleetIsForbidden) {
    fleet_ = "gone";
    EXPECT_EQ(code_of(ask({})), Code::kForbidden);
}

TEST_F(ResourcesTest, ABadPayloadIsExplainedInAFewWords) {
    const Answer answer = ask({.payload = "[1,2"});
    EXPECT_EQ(code_of(answer), Code::kBadRequest);
    EXPECT_FALSE(answer.reading.has_value());
    EXPECT_FALSE(payload_of(answer).empty());
}

TEST_F(ResourcesTest, WithoutContentFormatTheFleetDecides) {
    const Answer answer = ask({.format = std::nullopt, .payload = "\x01\x02"});
    ASSERT_TRUE(answer.reading.has_value());
    EXPECT_EQ(answer.reading->content_format, payload::kOctetStream);
}

TEST_F(ResourcesTest, AnUploadInBlocksBecomesOneReading) {
    const std::string body = "[" + std::string(70, '1') + "]";
    const Ask first{.payload = body.substr(0, 64), .block1 = coap::BlockOption{0, true, 2}};
    const Ask last{.payload = body.substr(64), .block1 = coap::BlockOption{1, false, 2}};
    EXPECT_EQ(code_of(ask(first)), Code::kContinue);
    const Answer answer = ask(last);
    EXPECT_EQ(code_of(answer), Code::kChanged);
    ASSERT_TRUE(answer.reading.has_value());
    EXPECT_EQ(text_of(answer.reading->payload), body);
    EXPECT_TRUE(answer.upload.has_value());
}

// The store was full: the body is still there when the node sends its last block again.
TEST_F(ResourcesTest, ARefusedUploadCanBeFinishedLater) {
    const std::string body = "[" + std::string(70, '1') + "]";
    const Ask last{.payload = body.substr(64), .block1 = coap::BlockOption{1, false, 2}};
    (void)ask({.payload = body.substr(0, 64), .block1 = coap::BlockOption{0, true, 2}});
    ASSERT_TRUE(ask(last).reading.has_value());
    const Answer again = ask(last);
    ASSERT_TRUE(again.reading.has_value());
    resources_.release(*again.upload);
    EXPECT_EQ(code_of(ask(last)), Code::kRequestEntityIncomplete);
}

TEST_F(ResourcesTest, TheTimeComesAsTextOrCbor) {
    const Answer text = ask({.method = Code::kGet, .path = "time", .format = std::nullopt, .payload = ""});
    EXPECT_EQ(code_of(text), Code::kContent);
    EXPECT_EQ(payload_of(text), "2026-01-01T00:00:00.000Z");
    const Answer cbor = ask({.method = Code::kGet,
                             .path = "time",
                             .format = std::nullopt,
                             .payload = "",
                             .accept = coap::content_format::kCbor});
    EXPECT_EQ(to_hex(bytes_of(payload_of(cbor))), "c11b000000006955b900");
    const Answer other = ask({.method = Code::kGet,
                              .path = "time",
                              .format = std::nullopt,
                              .payload = "",
                              .accept = coap::content_format::kJson});
    EXPECT_EQ(code_of(other), Code::kNotAcceptable);
}

TEST_F(ResourcesTest, TheListOfResourcesNamesThoseOfTheFleet) {
    const Answer answer =
        ask({.method = Code::kGet, .path = ".well-known/core", .format = std::nullopt, .payload = ""});
    EXPECT_EQ(code_of(answer), Code::kContent);
    EXPECT_NE(payload_of(answer).find("</telemetry>"), std::string::npos);
    EXPECT_NE(payload_of(answer).find("</time>"), std::string::npos);
    EXPECT_EQ(payload_of(answer).find("position"), std::string::npos);
}

TEST_F(ResourcesTest, ANodeWhoseClockIsWrongIsToldTheTimeWithItsAcknowledgement) {
    const WallTime now = clock_.now().wall;
    const auto told = [&](const Ask& asked) -> std::optional<WallTime> {
        const Answer answer = ask(asked);
        const auto message = coap::decode(answer.reply).value();
        const auto value = message.first(coap::option::kTime);
        return value ? std::optional(coap::node_time(*value)) : std::nullopt;
    };
    EXPECT_EQ(told({}), std::nullopt);
    EXPECT_EQ(told({.time = now - seconds(4)}), std::nullopt);
    EXPECT_EQ(told({.time = now - seconds(6)}), std::chrono::floor<milliseconds>(now));
    EXPECT_EQ(told({.time = WallTime{}}), std::chrono::floor<milliseconds>(now));
    EXPECT_EQ(told({.payload = "no JSON", .time = WallTime{}}), std::nullopt);  // that one is not kept
}

TEST_F(ResourcesTest, ANodeThatSendsTooOftenIsToldWhenToComeBack) {
    Fleet slow = fleet_of_meters();
    slow.max_readings_per_minute = 2;
    policies_ = Policies({slow}, upstreams_);
    EXPECT_EQ(code_of(ask({})), Code::kChanged);
    EXPECT_EQ(code_of(ask({})), Code::kChanged);
    const Answer refused = ask({});
    EXPECT_EQ(code_of(refused), Code::kTooManyRequests);
    EXPECT_FALSE(refused.reading.has_value());
    EXPECT_GE(max_age_of(refused), seconds(30));
    EXPECT_LE(max_age_of(refused), seconds(30) + slow.report_interval);
    clock_.advance(seconds(30));
    EXPECT_EQ(code_of(ask({})), Code::kChanged);
}

// Nodes of one wave: each hears another time, and together they fill the fleet's interval.
TEST_F(ResourcesTest, AFullStoreSpreadsItsNodesOverTheirInterval) {
    coap::Asked asked;
    asked.mid = 9;
    std::array<int, 10> tenths{};
    for (int i = 0; i < 10'000; ++i) {
        const Answer refused{.reply = resources_.refused(asked, seconds(60), seconds(899))};
        ASSERT_EQ(code_of(refused), Code::kServiceUnavailable);
        ASSERT_EQ(coap::decode(refused.reply)->mid(), 9);
        const seconds beyond = max_age_of(refused) - seconds(60);
        ASSERT_GE(beyond, seconds(0));
        ASSERT_LE(beyond, seconds(899));
        ++tenths[static_cast<std::size_t>(beyond.count() / 90)];
    }
    for (const int tenth : tenths)
        EXPECT_NEAR(tenth, 1000, 150);  // five standard deviations
}

TEST_F(ResourcesTest, AnOverloadedGatewayRefusesReadingsAndNothingElse) {
    overloaded_ = true;
    const Answer refused = ask({});
    EXPECT_EQ(code_of(refused), Code::kServiceUnavailable);
    EXPECT_TRUE(refused.overloaded);
    EXPECT_FALSE(refused.reading.has_value());
    EXPECT_LE(max_age_of(refused), seconds(10) + Fleet().report_interval);
    EXPECT_EQ(code_of(ask({.method = Code::kGet, .path = "time", .format = std::nullopt, .payload = ""})),
              Code::kContent);
    EXPECT_EQ(code_of(ask({.path = "nothing"})), Code::kNotFound);
}

}  // namespace
}  // namespace narrowgate::daemon
