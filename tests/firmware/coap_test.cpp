// SPDX-License-Identifier: Apache-2.0
#include "coap/client.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "fakes/manual_clock.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "port/port.h"

namespace narrowgate::firmware {
namespace {

constexpr std::uint32_t kAckTimeoutMs = 10'000;
constexpr std::uint32_t kSeparateWaitMs = 90'000;

// A client on one side, the gateway's own message layer on the other; the network is the test's.
class NodeCoapTest : public ::testing::Test {
protected:
    NodeCoapTest() { restart(nullptr); }

    void restart(const std::uint16_t* next_mid) {
        const co_options options{kAckTimeoutMs, 4, kSeparateWaitMs,
                                 [](void* self) { return static_cast<NodeCoapTest*>(self)->drawn_; }, this};
        co_init(&client_, &options, next_mid);
    }

    bool begin(std::string_view payload = "x", bool confirmable = true, std::uint8_t no_response = 0) {
        const co_request request{.method = CO_POST,
                                 .confirmable = confirmable,
                                 .path = "up/t",
                                 .content_format = 112,
                                 .accept = CO_NO_FORMAT,
                                 .no_response = no_response,
                                 .payload = bytes_of(payload).data(),
                                 .payload_size = payload.size(),
                                 .block2 = nullptr,
                                 .time_ms = nullptr};
        return co_begin(&client_, &request);
    }

    // What the client has to send; empty when nothing.
    Bytes taken() {
        std::size_t size = 0;
        const std::uint8_t* bytes = co_take(&client_, now_, &size);
        return bytes == nullptr ? Bytes() : Bytes(bytes, bytes + size);
    }
    bool hears(ByteView bytes) {
        heard_.assign(bytes.begin(), bytes.end());
        return co_receive(&client_, heard_.data(), heard_.size(), now_);
    }
    void advance(std::uint32_t ms) {
        now_ += ms;
        clock_.advance(milliseconds(ms));
    }
    // Lets the time of the client's next deadline come, and returns it.
    std::uint32_t advance_to_deadline() {
        const std::uint32_t wait = co_step(&client_, now_);
        EXPECT_NE(wait, PORT_NEVER);
        advance(wait);
        co_step(&client_, now_);
        return wait;
    }

    std::optional<coap::Request> asked(ByteView bytes) {
        verdict_ = layer_.receive(1, bytes, {}, clock_.now());
        const auto* request = std::get_if<coap::Request>(&verdict_);
        return request == nullptr ? std::nullopt : std::optional(*request);
    }
    // The gateway's answer to what the client sends now.
    Bytes answered(const coap::Response& response) {
        const Bytes bytes = taken();
        const auto request = asked(bytes);
        EXPECT_TRUE(request.has_value());
        if (!request) return {};
        Bytes reply = coap::respond(request->asked, response);
        layer_.complete(request->asked, reply);
        return reply;
    }

    std::uint32_t drawn_ = 0x1234;
    co_client client_{};
    std::uint32_t now_ = 0xffffff00U;  // wraps in most of these tests
    fakes::ManualClock clock_;
    coap::MessageLayer layer_;
    coap::Verdict verdict_;
    Bytes heard_;
};

TEST_F(NodeCoapTest, TheGatewayReadsWhatTheNodeAsks) {
    ASSERT_TRUE(begin("payload"));
    const Bytes bytes = taken();
    const auto request = asked(bytes);
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->method, coap::Code::kPost);
    EXPECT_EQ(request->path.text(), "up/t");
    EXPECT_EQ(request->content_format, 112);
    EXPECT_EQ(request->accept, std::nullopt);
    EXPECT_EQ(text_of(request->payload), "payload");
    EXPECT_EQ(request->asked.type, coap::MessageType::kConfirmable);
}

// 4 of header, 1 of token, 3 + 2 of path, 2 of Content-Format, 1 of marker.
TEST_F(NodeCoapTest, ARequestAddsThirteenBytesToItsPayload) {
    ASSERT_TRUE(begin("x"));
    EXPECT_EQ(taken().size(), 13U + 1U);
}

TEST_F(NodeCoapTest, APiggybackedAnswerEndsTheExchange) {
    ASSERT_TRUE(begin());
    const Bytes reply = answered({.code = coap::Code::kChanged});
    EXPECT_EQ(reply.size(), 5U);
    EXPECT_TRUE(hears(reply));
    EXPECT_EQ(client_.state, CO_ANSWERED);
    EXPECT_EQ(client_.response.code, CO_CHANGED);
    EXPECT_TRUE(taken().empty());
    co_close(&client_);
    EXPECT_EQ(co_step(&client_, now_), PORT_NEVER);
}

TEST_F(NodeCoapTest, TheContentOfAnAnswerArrives) {
    const co_request request{.method = CO_GET,
                             .confirmable = true,
                             .path = "time",
                             .content_format = CO_NO_FORMAT,
                             .accept = 60,
                             .no_response = 0,
                             .payload = nullptr,
                             .payload_size = 0,
                             .block2 = nullptr,
                             .time_ms = nullptr};
    ASSERT_TRUE(co_begin(&client_, &request));
    const Bytes bytes = taken();
    const auto read = asked(bytes);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->method, coap::Code::kGet);
    EXPECT_EQ(read->path.text(), "time");
    EXPECT_EQ(read->accept, 60);
    EXPECT_TRUE(read->payload.empty());
    EXPECT_TRUE(hears(coap::respond(
        read->asked, {.code = coap::Code::kContent, .content_format = 60, .payload = bytes_of("\xc1\x01")})));
    EXPECT_EQ(client_.response.code, CO_CONTENT);
    EXPECT_EQ(client_.response.content_format, 60);
    EXPECT_EQ(text_of(ByteView(client_.response.payload, client_.response.payload_size)), "\xc1\x01");
}

// RFC 7252 section 4.2: the waits double, and after MAX_RETRANSMIT of them and the last wait it is over.
TEST_F(NodeCoapTest, AConIsSentFiveTimesWithDoublingWaits) {
    drawn_ = kAckTimeoutMs / 2 + 1 + 700;  // a factor of 1.07
    ASSERT_TRUE(begin());
    const Bytes first = taken();
    std::uint32_t expected = kAckTimeoutMs + 700;
    for (int i = 0; i < 4; ++i, expected *= 2) {
        EXPECT_TRUE(taken().empty());
        EXPECT_EQ(advance_to_deadline(), expected);
        EXPECT_EQ(taken(), first);
    }
    EXPECT_EQ(advance_to_deadline(), expected);
    EXPECT_EQ(client_.state, CO_GAVE_UP);
    EXPECT_TRUE(taken().empty());
}

TEST_F(NodeCoapTest, TheFirstWaitStaysWithinTheRandomFactor) {
    for (const std::uint32_t drawn : {0U, 5'000U, 5'001U, 123'456'789U, UINT32_MAX}) {
        drawn_ = drawn;
        ASSERT_TRUE(begin());
        taken();
        const std::uint32_t wait = co_step(&client_, now_);
        EXPECT_GE(wait, kAckTimeoutMs);
        EXPECT_LE(wait, kAckTimeoutMs * 3 / 2);
        co_close(&client_);
    }
}

// A modem may take seconds to accept a message: the wait counts from when it was taken.
TEST_F(NodeCoapTest, TimeBeforeARequestIsTakenDoesNotCount) {
    ASSERT_TRUE(begin());
    advance(1'000'000);
    EXPECT_EQ(co_step(&client_, now_), 0U);
    EXPECT_FALSE(taken().empty());
    EXPECT_GE(co_step(&client_, now_), kAckTimeoutMs);
}

TEST_F(NodeCoapTest, ARetransmissionGetsTheStoredReplyAndNoSecondEffect) {
    ASSERT_TRUE(begin());
    const Bytes lost = answered({.code = coap::Code::kChanged});
    advance_to_deadline();
    const Bytes again = taken();
    EXPECT_FALSE(asked(again).has_value());
    const auto* stored = std::get_if<coap::Reply>(&verdict_);
    ASSERT_NE(stored, nullptr);
    EXPECT_EQ(stored->bytes, lost);
    EXPECT_TRUE(hears(stored->bytes));
    EXPECT_EQ(client_.state, CO_ANSWERED);
}

TEST_F(NodeCoapTest, AnAnswerThatComesTwiceIsNoAnswerToTheNextRequest) {
    ASSERT_TRUE(begin());
    const Bytes reply = answered({.code = coap::Code::kChanged});
    EXPECT_TRUE(hears(reply));
    co_close(&client_);
    ASSERT_TRUE(begin());
    taken();
    EXPECT_FALSE(hears(reply));
    EXPECT_EQ(client_.state, CO_WAITING);
}

TEST_F(NodeCoapTest, MaxAgeSaysWhenToComeBack) {
    ASSERT_TRUE(begin());
    EXPECT_TRUE(hears(answered({.code = coap::Code::kTooManyRequests, .max_age = seconds(317)})));
    EXPECT_EQ(client_.response.code, CO_TOO_MANY_REQUESTS);
    EXPECT_EQ(co_retry_after_s(&client_.response), 317U);
    co_close(&client_);
    ASSERT_TRUE(begin());
    EXPECT_TRUE(hears(answered({.code = coap::Code::kServiceUnavailable, .max_age = seconds(70'000)})));
    EXPECT_EQ(co_retry_after_s(&client_.response), 70'000U);
    co_close(&client_);
    ASSERT_TRUE(begin());
    EXPECT_TRUE(hears(answered({.code = coap::Code::kServiceUnavailable})));
    EXPECT_EQ(co_retry_after_s(&client_.response), 60U);  // RFC 7252 section 5.10.5
    co_close(&client_);
    ASSERT_TRUE(begin());
    EXPECT_TRUE(hears(answered({.code = coap::Code::kChanged, .max_age = seconds(5)})));
    EXPECT_EQ(co_retry_after_s(&client_.response), 0U);
}

// The gateway does not do that; another might (RFC 7252 section 5.2.2).
TEST_F(NodeCoapTest, ASeparateAnswerIsAcknowledgedEachTimeAndTakenOnce) {
    ASSERT_TRUE(begin());
    const Bytes sent = taken();
    EXPECT_FALSE(hears(coap::encode_empty(coap::MessageType::kAcknowledgement, client_.mid)));
    EXPECT_EQ(client_.state, CO_ACKNOWLEDGED);
    EXPECT_EQ(co_step(&client_, now_), kSeparateWaitMs);  // no more retransmission

    Bytes separate;
    coap::MessageWriter(separate, coap::MessageType::kConfirmable, coap::Code::kChanged, 0x7777,
                        Bytes{client_.token});
    EXPECT_TRUE(hears(separate));
    EXPECT_EQ(client_.state, CO_ANSWERED);
    const Bytes ack = coap::encode_empty(coap::MessageType::kAcknowledgement, 0x7777);
    EXPECT_EQ(co_step(&client_, now_), 0U);
    EXPECT_EQ(taken(), ack);

    co_close(&client_);
    EXPECT_FALSE(hears(separate));  // our ACK was lost
    EXPECT_EQ(taken(), ack);
    EXPECT_EQ(client_.state, CO_IDLE);
}

TEST_F(NodeCoapTest, ASeparateAnswerThatOvertakesItsAckCounts) {
    ASSERT_TRUE(begin());
    taken();
    Bytes separate;
    coap::MessageWriter(separate, coap::MessageType::kNonConfirmable, coap::Code::kChanged, 0x7777,
                        Bytes{client_.token});
    EXPECT_TRUE(hears(separate));
    EXPECT_EQ(client_.state, CO_ANSWERED);
    EXPECT_TRUE(taken().empty());
}

TEST_F(NodeCoapTest, ASeparateAnswerThatNeverComesIsGivenUp) {
    ASSERT_TRUE(begin());
    taken();
    hears(coap::encode_empty(coap::MessageType::kAcknowledgement, client_.mid));
    EXPECT_EQ(advance_to_deadline(), kSeparateWaitMs);
    EXPECT_EQ(client_.state, CO_GAVE_UP);
}

TEST_F(NodeCoapTest, ANonIsAnsweredByANon) {
    ASSERT_TRUE(begin("x", false));
    const Bytes reply = answered({.code = coap::Code::kChanged});
    EXPECT_TRUE(hears(reply));
    EXPECT_EQ(client_.state, CO_ANSWERED);
    EXPECT_EQ(client_.response.type, CO_NON);
    co_close(&client_);
    ASSERT_TRUE(begin("x", false));
    taken();
    EXPECT_EQ(advance_to_deadline(), kSeparateWaitMs);
    EXPECT_EQ(client_.state, CO_GAVE_UP);
}

// RFC 7967, and what release assistance wants: nothing will come down, the radio may go off at once.
TEST_F(NodeCoapTest, ANonThatWantsNoAnswerIsOverWhenItIsSent) {
    ASSERT_TRUE(begin("x", false, CO_NO_ANSWER_AT_ALL));
    const Bytes sent = taken();
    EXPECT_EQ(client_.state, CO_ANSWERED);
    EXPECT_EQ(client_.response.code, CO_EMPTY);
    const auto request = asked(sent);
    ASSERT_TRUE(request.has_value());
    EXPECT_TRUE(coap::respond(request->asked, {.code = coap::Code::kBadRequest}).empty());
}

TEST_F(NodeCoapTest, ANonThatWantsErrorsOnlyIsWellInSilenceAndHearsAnError) {
    ASSERT_TRUE(begin("x", false, CO_NO_SUCCESS));
    EXPECT_TRUE(answered({.code = coap::Code::kChanged}).empty());
    EXPECT_EQ(advance_to_deadline(), kSeparateWaitMs);
    EXPECT_EQ(client_.state, CO_ANSWERED);
    co_close(&client_);
    ASSERT_TRUE(begin("x", false, CO_NO_SUCCESS));
    EXPECT_TRUE(hears(answered({.code = coap::Code::kForbidden})));
    EXPECT_EQ(client_.response.code, CO_FORBIDDEN);
}

TEST_F(NodeCoapTest, AConWithoutSuccessWantedIsOverWithItsEmptyAck) {
    ASSERT_TRUE(begin("x", true, CO_NO_SUCCESS));
    const Bytes reply = answered({.code = coap::Code::kChanged});
    EXPECT_EQ(reply.size(), 4U);
    EXPECT_TRUE(hears(reply));
    EXPECT_EQ(client_.state, CO_ANSWERED);
    EXPECT_EQ(client_.response.code, CO_EMPTY);
}

TEST_F(NodeCoapTest, AResetEndsTheExchange) {
    ASSERT_TRUE(begin());
    taken();
    EXPECT_FALSE(
        hears(coap::encode_empty(coap::MessageType::kReset, static_cast<std::uint16_t>(client_.mid + 1))));
    EXPECT_TRUE(hears(coap::encode_empty(coap::MessageType::kReset, client_.mid)));
    EXPECT_EQ(client_.state, CO_REFUSED);
}

TEST_F(NodeCoapTest, WhatANodeDoesNotServeIsRefusedByReset) {
    const Bytes reset = coap::encode_empty(coap::MessageType::kReset, 0x0102);
    EXPECT_FALSE(hears(coap::encode_empty(coap::MessageType::kConfirmable, 0x0102)));  // a ping
    EXPECT_EQ(taken(), reset);
    Bytes request;
    coap::MessageWriter(request, coap::MessageType::kConfirmable, coap::Code::kGet, 0x0102);
    EXPECT_FALSE(hears(request));
    EXPECT_EQ(taken(), reset);
    Bytes stray;
    coap::MessageWriter(stray, coap::MessageType::kConfirmable, coap::Code::kContent, 0x0102, Bytes{9});
    EXPECT_FALSE(hears(stray));
    EXPECT_EQ(taken(), reset);
    Bytes malformed = stray;
    malformed.push_back(0xff);  // a marker and nothing behind it
    EXPECT_FALSE(hears(malformed));
    EXPECT_EQ(taken(), reset);
    Bytes non;
    coap::MessageWriter(non, coap::MessageType::kNonConfirmable, coap::Code::kGet, 0x0102);
    EXPECT_FALSE(hears(non));
    EXPECT_TRUE(taken().empty());
}

// RFC 7252 section 5.4.1. If-Match (1) in a response is nothing that this client understands.
TEST_F(NodeCoapTest, AnAnswerWithACriticalOptionThatIsNotUnderstoodIsNone) {
    ASSERT_TRUE(begin());
    taken();
    Bytes piggybacked;
    coap::MessageWriter(piggybacked, coap::MessageType::kAcknowledgement, coap::Code::kChanged, client_.mid,
                        Bytes{client_.token})
        .option(coap::option::kIfMatch, {});
    EXPECT_FALSE(hears(piggybacked));
    EXPECT_EQ(client_.state, CO_WAITING);
    EXPECT_TRUE(taken().empty());
    Bytes separate;
    coap::MessageWriter(separate, coap::MessageType::kConfirmable, coap::Code::kChanged, 0x55,
                        Bytes{client_.token})
        .option(coap::option::kIfMatch, {});
    EXPECT_FALSE(hears(separate));
    EXPECT_EQ(taken(), coap::encode_empty(coap::MessageType::kReset, 0x55));
}

TEST_F(NodeCoapTest, ElectiveOptionsOfAnySizeAreSkipped) {
    ASSERT_TRUE(begin());
    taken();
    Bytes reply;
    coap::MessageWriter(reply, coap::MessageType::kAcknowledgement, coap::Code::kContent, client_.mid,
                        Bytes{client_.token})
        .option(coap::option::kETag, Bytes(8, 1))
        .option_uint(coap::option::kMaxAge, 0x01020304)
        .option_uint(coap::option::kBlock2, 0x1e)
        .option(1000, Bytes(300, 2))
        .payload(bytes_of("p"));
    EXPECT_TRUE(hears(reply));
    EXPECT_EQ(client_.response.max_age_s, 0x01020304U);
    EXPECT_TRUE(client_.response.has_block2);
    EXPECT_EQ(client_.response.block2, 0x1eU);
    EXPECT_EQ(client_.response.payload_size, 1U);
}

// After a reset the session goes on; a message ID used lately would be taken for a duplicate, and the reading
// lost.
TEST_F(NodeCoapTest, MessageIdsGoOnOverAReset) {
    ASSERT_TRUE(begin());
    const Bytes before = taken();
    ASSERT_TRUE(asked(before).has_value());
    const std::uint16_t kept = client_.next_mid;
    restart(&kept);
    ASSERT_TRUE(begin());
    const Bytes after = taken();
    EXPECT_TRUE(asked(after).has_value());
}

TEST_F(NodeCoapTest, OneRequestAtATimeAndNoneThatDoesNotFit) {
    const std::string longest(CO_REQUEST_BYTES_MAX - 13, 'x');
    EXPECT_FALSE(begin(longest + "x"));
    EXPECT_EQ(client_.state, CO_IDLE);
    ASSERT_TRUE(begin(longest));
    EXPECT_EQ(taken().size(), CO_REQUEST_BYTES_MAX);
    EXPECT_FALSE(begin());
}

// Every prefix, and every byte of a reply changed: nothing is read that is not there (the sanitizers' build
// looks on), and what the gateway's decoder refuses is refused here.
TEST_F(NodeCoapTest, BrokenMessagesAreRefusedAsTheGatewayRefusesThem) {
    Bytes reply;
    coap::MessageWriter(reply, coap::MessageType::kAcknowledgement, coap::Code::kContent, 7, Bytes{1, 2})
        .option(coap::option::kETag, Bytes(15, 1))
        .option_uint(coap::option::kContentFormat, 60)
        .option_uint(coap::option::kMaxAge, 300)
        .option(600, Bytes(2, 2))
        .payload(bytes_of("payload"));
    const auto agree = [](ByteView bytes) {
        const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[bytes.size()]);
        std::copy(bytes.begin(), bytes.end(), exact.get());
        co_message message;
        const bool ours = co_parse(&message, exact.get(), bytes.size()) == CO_GOOD;
        EXPECT_EQ(ours, coap::decode(bytes).has_value()) << to_hex(bytes);
    };
    for (std::size_t size = 0; size <= reply.size(); ++size)
        agree(ByteView(reply).first(size));
    for (std::size_t at = 0; at < reply.size(); ++at) {
        for (unsigned value = 0; value < 256; ++value) {
            Bytes changed = reply;
            changed[at] = static_cast<std::uint8_t>(value);
            agree(changed);
        }
    }
}

}  // namespace
}  // namespace narrowgate::firmware
