// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/node_clock.hpp"

#include <gtest/gtest.h>

#include "fakes/manual_clock.hpp"
#include "lib/coap/requests.hpp"
#include "narrowgate/coap/message_layer.hpp"

namespace narrowgate::coap {
namespace {

// 2026-03-01T12:00:00.123Z in the six bytes of its milliseconds.
constexpr WallTime kNoon{milliseconds(1'772'366'400'123)};
constexpr std::string_view kNoonInHex = "019ca9450a7b";

NodeMessage plain_telemetry() {
    return NodeMessage{.type = MessageType::kConfirmable, .payload = "21.5"}.path("telemetry");
}

std::string text_of_bytes(std::string_view hex) {
    const Bytes bytes = from_hex(hex).value();
    return {bytes.begin(), bytes.end()};
}

std::optional<WallTime> time_in(const NodeMessage& message) {
    MessageLayer layer;
    const fakes::ManualClock clock;
    const Bytes datagram = message.bytes();
    const auto verdict = layer.receive(1, datagram, {}, clock.now());
    return std::get<Request>(verdict).time;
}

TEST(NodeClockTest, ARequestSaysWhatTheNodesClockSays) {
    EXPECT_EQ(time_in(plain_telemetry()), std::nullopt);
    EXPECT_EQ(time_in(plain_telemetry().with(option::kTime, text_of_bytes(kNoonInHex))), kNoon);
    EXPECT_EQ(time_in(plain_telemetry().with(option::kTime, "")), WallTime{});
    EXPECT_EQ(time_in(plain_telemetry().with(option::kTime, std::string(1, '\0'))), WallTime{});
}

TEST(NodeClockTest, WhatIsNoTimeOfOursIsFarFromIt) {
    const auto last = time_in(plain_telemetry().with(option::kTime, std::string(8, '\xff')));
    EXPECT_EQ(last, std::chrono::floor<milliseconds>(WallTime::max()));
    EXPECT_EQ(clock_correction(last, kNoon), kNoon);
    // Elective: of a wrong length it is not there (RFC 7252 section 5.4.3).
    EXPECT_EQ(time_in(plain_telemetry().with(option::kTime, std::string(9, '\0'))), std::nullopt);
}

TEST(NodeClockTest, AClockIsWrongFromFiveSecondsOnEitherWay) {
    EXPECT_EQ(clock_correction(std::nullopt, kNoon), std::nullopt);
    EXPECT_EQ(clock_correction(WallTime{}, kNoon), kNoon);
    for (const auto off : {seconds(-5), seconds(0), seconds(5)})
        EXPECT_EQ(clock_correction(kNoon + off, kNoon), std::nullopt) << off.count();
    for (const auto off : {milliseconds(-5001), milliseconds(5001)})
        EXPECT_EQ(clock_correction(kNoon + off, kNoon), kNoon) << off.count();
}

TEST(NodeClockTest, AnAnswerTellsTheTimeInTheFewestBytes) {
    const auto value_of = [](WallTime time) {
        Response response{.code = Code::kChanged};
        response.time = time;
        const Bytes reply = respond({}, response);
        const auto message = decode(reply).value();
        return to_hex(message.first(option::kTime).value());
    };
    EXPECT_EQ(value_of(kNoon), kNoonInHex);
    EXPECT_EQ(value_of(WallTime(milliseconds(255))), "ff");
    EXPECT_EQ(value_of(WallTime{}), "");
    EXPECT_EQ(value_of(WallTime(milliseconds(-1))), "");
}

}  // namespace
}  // namespace narrowgate::coap
