// SPDX-License-Identifier: Apache-2.0
#include "sim/coap_client.hpp"

#include <gtest/gtest.h>

#include "fakes/manual_clock.hpp"

namespace narrowgate::sim {
namespace {

const Bytes kPayload{0x81, 0xa0};

// What the gateway would say: `first` is version, type and token length.
Bytes answer_to(const Bytes& request, std::uint8_t first, std::uint8_t code) {
    return {first, code, request[2], request[3], request[4], request[5]};
}

TEST(CoapClient, WritesAConfirmablePostAsRfc7252HasIt) {
    fakes::ManualClock clock;
    CoapClient client({}, 1);
    const Bytes request = client.post("telemetry", kContentFormatSenmlCbor, kPayload, clock.now());
    const Bytes options_and_payload(request.begin() + 6, request.end());
    EXPECT_EQ(request[0], 0x42);  // version 1, CON, token of 2 bytes
    EXPECT_EQ(request[1], 0x02);  // 0.02 POST
    EXPECT_EQ(to_hex(options_and_payload),
              "b974656c656d65747279"
              "1170"
              "ff81a0");
}

TEST(CoapClient, SendsAgainAtDoublingIntervalsAndThenGivesUp) {
    fakes::ManualClock clock;
    CoapClient client({.ack_timeout = milliseconds(1'000), .ack_random_factor = 1.0, .max_retransmit = 3}, 1);
    const Bytes request = client.post("t", kContentFormatSenmlCbor, kPayload, clock.now());
    for (const int wait : {1'000, 2'000, 4'000}) {
        clock.advance(milliseconds(wait - 1));
        EXPECT_TRUE(client.advance(clock.now()).empty());
        clock.advance(milliseconds(1));
        EXPECT_EQ(client.advance(clock.now()), request);
    }
    clock.advance(milliseconds(8'000));
    EXPECT_TRUE(client.advance(clock.now()).empty());
    EXPECT_TRUE(client.idle());
    EXPECT_TRUE(client.gave_up());
}

TEST(CoapClient, TakesAPiggybackedResponseOnce) {
    fakes::ManualClock clock;
    CoapClient client({}, 1);
    const Bytes request = client.post("t", kContentFormatSenmlCbor, kPayload, clock.now());
    const Bytes answer = answer_to(request, 0x62, kCodeChanged);
    const auto response = client.receive(answer, clock.now());
    ASSERT_TRUE(response);
    EXPECT_EQ(response->code, kCodeChanged);
    EXPECT_FALSE(client.next_deadline());
    EXPECT_FALSE(client.receive(answer, clock.now()));
}

TEST(CoapClient, AcknowledgesASeparateResponse) {
    fakes::ManualClock clock;
    CoapClient client({}, 1);
    const Bytes request = client.post("t", kContentFormatSenmlCbor, kPayload, clock.now());
    EXPECT_FALSE(client.receive(Bytes{0x60, 0, request[2], request[3]}, clock.now()));
    EXPECT_FALSE(client.idle());
    Bytes separate = answer_to(request, 0x42, kCodeChanged);
    separate[2] = 0x12;
    separate[3] = 0x34;
    EXPECT_TRUE(client.receive(separate, clock.now()));
    EXPECT_EQ(client.take_reply(), (Bytes{0x60, 0, 0x12, 0x34}));
}

TEST(CoapClient, ReadsMaxAgeBehindOtherOptions) {
    fakes::ManualClock clock;
    CoapClient client({}, 1);
    const Bytes request = client.post("t", kContentFormatSenmlCbor, kPayload, clock.now());
    Bytes answer = answer_to(request, 0x62, kCodeServiceUnavailable);
    const Bytes options{0xc0, 0x21, 30, 0xff, 'f', 'u', 'l', 'l'};  // Content-Format 0, Max-Age 30, payload
    answer.insert(answer.end(), options.begin(), options.end());
    const auto response = client.receive(answer, clock.now());
    ASSERT_TRUE(response);
    EXPECT_EQ(response->max_age, seconds(30));
    EXPECT_EQ(text_of(response->payload), "full");
}

// A gateway that went mad: no cut of an answer may be taken for one, or crash the node.
TEST(CoapClient, DropsAnswersThatAreCutShort) {
    fakes::ManualClock clock;
    CoapClient client({}, 1);
    const Bytes request = client.post("t", kContentFormatSenmlCbor, kPayload, clock.now());
    const Bytes answer = answer_to(request, 0x62, kCodeChanged);
    for (std::size_t size = 0; size < answer.size(); ++size) {
        EXPECT_FALSE(client.receive(ByteView(answer).first(size), clock.now())) << size;
    }
    EXPECT_FALSE(client.idle());
}

}  // namespace
}  // namespace narrowgate::sim
