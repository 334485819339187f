// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/message_layer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/manual_clock.hpp"
#include "lib/coap/requests.hpp"

namespace narrowgate::coap {
namespace {

using testing::ElementsAre;

constexpr SessionId kSession = 0x1122'3344'5566'7788;

NodeMessage telemetry(MessageType type = MessageType::kConfirmable) {
    return NodeMessage{.type = type, .payload = "21.5"}
        .path("telemetry")
        .with_uint(option::kContentFormat, 112);
}

class MessageLayerTest : public testing::Test {
protected:
    Verdict receive(const Bytes& datagram) {
        datagram_ = datagram;
        return layer_.receive(kSession, datagram_, options_, clock_.now());
    }
    Verdict receive(const NodeMessage& message) { return receive(message.bytes()); }

    // The reply that the layer gave by itself, in hexadecimal; empty when it said nothing.
    std::string reply_to(const Bytes& datagram) {
        const auto verdict = receive(datagram);
        EXPECT_FALSE(std::holds_alternative<Request>(verdict));
        const auto* reply = std::get_if<Reply>(&verdict);
        return reply == nullptr ? "" : to_hex(reply->bytes);
    }
    std::string reply_to(const NodeMessage& message) { return reply_to(message.bytes()); }

    // The reply as a message; it must be one.
    MessageView refusal_of(const NodeMessage& message) {
        const auto verdict = receive(message);
        reply_ = std::get<Reply>(verdict).bytes;
        return decode(reply_).value();
    }
    Request request_of(const NodeMessage& message) { return std::get<Request>(receive(message)); }

    fakes::ManualClock clock_;
    MessageLayer layer_;
    MessageOptions options_;
    Bytes datagram_;  // what requests point into
    Bytes reply_;
};

TEST_F(MessageLayerTest, GivesARequestWithAllThatItSays) {
    const auto request = request_of(telemetry()
                                        .with_uint(option::kAccept, 50)
                                        .with_uint(option::kSize1, 4'000)
                                        .with_uint(option::kBlock2, 0x16)
                                        .block1(3, true, 2)
                                        .with(option::kUriQuery, "q=1")
                                        .with(option::kUriHost, "gw.example"));
    EXPECT_EQ(request.method, Code::kPost);
    EXPECT_THAT(request.path.segments(), ElementsAre("telemetry"));
    EXPECT_EQ(request.content_format, 112);
    EXPECT_EQ(request.accept, 50);
    EXPECT_EQ(request.size1, 4'000U);
    EXPECT_EQ(request.block1, (BlockOption{3, true, 2}));
    EXPECT_EQ(request.block2, (BlockOption{1, false, 6}));
    EXPECT_EQ(narrowgate::text_of(request.payload), "21.5");
    EXPECT_EQ(narrowgate::text_of(request.message.first(option::kUriQuery).value()), "q=1");
    EXPECT_EQ(request.asked.session, kSession);
    EXPECT_EQ(request.asked.mid, 0x7d34);
    EXPECT_EQ(to_hex(request.asked.token_view()), "20");
    EXPECT_EQ(request.asked.remembered_until, clock_.now().wall + seconds(247));
    EXPECT_EQ(layer_.count(MessageFate::kRequest), 1U);
}

TEST_F(MessageLayerTest, PiggybacksTheResponseOfAConfirmable) {
    const auto reply = respond(request_of(telemetry()).asked, {.code = Code::kChanged});
    EXPECT_EQ(to_hex(reply), "61447d3420");
}

// Its message ID is the request's: see respond().
TEST_F(MessageLayerTest, AnswersANonConfirmableByANonConfirmable) {
    const auto reply =
        respond(request_of(telemetry(MessageType::kNonConfirmable)).asked, {.code = Code::kChanged});
    EXPECT_EQ(to_hex(reply), "51447d3420");
}

TEST_F(MessageLayerTest, WritesEveryOptionOfAResponse) {
    const auto reply =
        respond(request_of(telemetry()).asked, {.code = Code::kContent,
                                                .content_format = content_format::kLinkFormat,
                                                .max_age = seconds(0xffff'ffff),
                                                .size1 = 0xffff'ffff,
                                                .size2 = 0xffff'ffff,
                                                .block1 = BlockOption{kMaxBlockNumber, true, 6},
                                                .block2 = BlockOption{kMaxBlockNumber, true, 6},
                                                .etag = ETag{1, 2, 3, 4},
                                                .payload = bytes_of("x")});
    const auto message = decode(reply).value();
    std::vector<std::uint16_t> numbers;
    for (const auto& [number, value] : message.options())
        numbers.push_back(number);
    EXPECT_THAT(numbers, ElementsAre(option::kETag, option::kContentFormat, option::kMaxAge, option::kBlock2,
                                     option::kBlock1, option::kSize2, option::kSize1));
    EXPECT_EQ(uint_of(*message.first(option::kMaxAge)), 0xffff'ffffU);
    // With the longest token this would be the longest head; the format is one byte short of the longest.
    EXPECT_EQ(reply.size() - 1, kLongestResponseHeadBytes - (kMaxTokenBytes - 1) - 1);
}

TEST_F(MessageLayerTest, SwallowsADuplicateUntilTheCommitAndThenRepeatsTheReply) {
    const auto request = request_of(telemetry());
    EXPECT_EQ(reply_to(telemetry()), "");
    EXPECT_EQ(layer_.count(MessageFate::kDuplicateInProgress), 1U);
    layer_.complete(request.asked, respond(request.asked, {.code = Code::kChanged}));
    EXPECT_EQ(reply_to(telemetry()), "61447d3420");
    EXPECT_EQ(reply_to(telemetry()), "61447d3420");
    EXPECT_EQ(layer_.count(MessageFate::kDuplicateAnswered), 2U);
    EXPECT_EQ(layer_.count(MessageFate::kRequest), 1U);
}

TEST_F(MessageLayerTest, TriesARequestAnewWhenItsCommitFailed) {
    layer_.abandon(request_of(telemetry()).asked);
    EXPECT_EQ(request_of(telemetry()).asked.mid, 0x7d34);
}

// P1 across a crash: the 2.04 was lost on the radio, then power; the retransmission must not store twice.
TEST_F(MessageLayerTest, RepeatsTheReplyAcrossARestart) {
    const auto asked = request_of(telemetry()).asked;
    const auto reply = respond(asked, {.code = Code::kChanged});
    clock_.advance(seconds(30));
    MessageLayer restarted;
    restarted.restore(asked.session, asked.mid, reply, asked.remembered_until, clock_.now());
    const auto datagram = telemetry().bytes();
    const auto verdict = restarted.receive(kSession, datagram, options_, clock_.now());
    EXPECT_EQ(std::get<Reply>(verdict).bytes, reply);
}

TEST_F(MessageLayerTest, TakesTheSameMessageIdOfAnEndedSessionAsNew) {
    layer_.complete(request_of(telemetry()).asked, bytes_of("reply"));
    layer_.forget(kSession);
    EXPECT_TRUE(std::holds_alternative<Request>(receive(telemetry())));
}

TEST_F(MessageLayerTest, RemembersANonConfirmableForItsOwnLifetime) {
    const auto message = telemetry(MessageType::kNonConfirmable);
    layer_.complete(request_of(message).asked, {});
    clock_.advance(seconds(144));
    EXPECT_EQ(reply_to(message), "");
    clock_.advance(seconds(1));
    EXPECT_TRUE(std::holds_alternative<Request>(receive(message)));
}

TEST_F(MessageLayerTest, DerivesTheLifetimeFromTheFleetsTimeout) {
    options_.transmission.ack_timeout = seconds(10);
    layer_.complete(request_of(telemetry()).asked, {});
    clock_.advance(seconds(434));
    EXPECT_EQ(reply_to(telemetry()), "");
    clock_.advance(seconds(1));
    EXPECT_TRUE(std::holds_alternative<Request>(receive(telemetry())));
}

TEST_F(MessageLayerTest, AnswersAPingByAReset) {
    EXPECT_EQ(reply_to(from_hex("40001234").value()), "70001234");
    EXPECT_EQ(layer_.count(MessageFate::kPing), 1U);
}

TEST_F(MessageLayerTest, IgnoresWhatNothingWaitsFor) {
    EXPECT_EQ(reply_to(from_hex("50001234").value()), "");      // an empty NON
    EXPECT_EQ(reply_to(from_hex("60001234").value()), "");      // an empty ACK
    EXPECT_EQ(reply_to(from_hex("70001234").value()), "");      // a RST
    EXPECT_EQ(reply_to(from_hex("60451234ff31").value()), "");  // an ACK with a response
    EXPECT_EQ(reply_to(from_hex("60021234").value()), "");      // an ACK with a request, which is nonsense
    EXPECT_EQ(layer_.count(MessageFate::kStray), 5U);
}

TEST_F(MessageLayerTest, RejectsAResponseNobodyAskedFor) {
    EXPECT_EQ(reply_to(from_hex("40451234ff31").value()), "70001234");
    EXPECT_EQ(reply_to(from_hex("50451234ff31").value()), "");
    EXPECT_EQ(layer_.count(MessageFate::kUnexpectedResponse), 2U);
}

// RFC 7252 section 4.2: RST for a confirmable, silence for everything else and for another version.
TEST_F(MessageLayerTest, RejectsWhatIsMalformedByItsType) {
    EXPECT_EQ(reply_to(from_hex("40010001ff").value()), "70000001");
    EXPECT_EQ(reply_to(from_hex("50010001ff").value()), "");
    EXPECT_EQ(reply_to(from_hex("60010001ff").value()), "");
    EXPECT_EQ(reply_to(from_hex("80010001").value()), "");
    EXPECT_EQ(reply_to(from_hex("4001").value()), "");
    EXPECT_EQ(reply_to(Bytes{}), "");
    EXPECT_EQ(layer_.count(MessageFate::kMalformed), 6U);
    EXPECT_EQ(layer_.count(DecodeFault::kMissingPayload), 3U);
    EXPECT_EQ(layer_.count(DecodeFault::kTruncatedHeader), 2U);
    EXPECT_EQ(layer_.count(DecodeFault::kUnknownVersion), 1U);
}

TEST_F(MessageLayerTest, RefusesACriticalOptionItDoesNotUnderstand) {
    for (const std::uint16_t number : {std::uint16_t{9}, option::kIfMatch, option::kIfNoneMatch,
                                       std::uint16_t{19}, std::uint16_t{31}, std::uint16_t{65'001}}) {
        const auto message = refusal_of(telemetry().with(number));
        EXPECT_EQ(message.type(), MessageType::kAcknowledgement);
        EXPECT_EQ(message.code(), Code::kBadOption);
        EXPECT_EQ(to_hex(message.token()), "20");
        EXPECT_EQ(narrowgate::text_of(message.payload()),
                  "option " + std::to_string(number) + " not understood");
    }
    EXPECT_EQ(layer_.count(MessageFate::kBadOption), 6U);
    EXPECT_EQ(layer_.exchanges().size(), 0U) << "a refusal must cost no memory";
}

TEST_F(MessageLayerTest, RejectsThatInANonConfirmableSilently) {
    EXPECT_EQ(reply_to(telemetry(MessageType::kNonConfirmable).with(9)), "");
    EXPECT_EQ(layer_.count(MessageFate::kBadOption), 1U);
}

TEST_F(MessageLayerTest, IgnoresAnElectiveOptionItDoesNotUnderstand) {
    const auto request = request_of(telemetry()
                                        .with(65'004, "whatever")
                                        .with(option::kObserve, "")
                                        .with(option::kETag, "123456789")
                                        .with(option::kEcho, std::string(41, 'e')));
    EXPECT_EQ(narrowgate::text_of(request.payload), "21.5");
}

// RFC 7252 section 5.4.3: a wrong length makes an option one that is not understood.
TEST_F(MessageLayerTest, TreatsAWrongLengthByWhetherTheOptionIsCritical) {
    EXPECT_EQ(refusal_of(telemetry().with(option::kAccept, "123")).code(), Code::kBadOption);
    EXPECT_EQ(refusal_of(telemetry().with(option::kBlock1, "1234")).code(), Code::kBadOption);
    EXPECT_EQ(refusal_of(telemetry().path(std::string(256, 'x'))).code(), Code::kBadOption);
    EXPECT_EQ(refusal_of(telemetry().with(option::kUriHost, "")).code(), Code::kBadOption);
    EXPECT_EQ(refusal_of(telemetry().with(option::kUriPort, "123")).code(), Code::kBadOption);
    const auto request = request_of(telemetry()
                                        .with(option::kSize1, "12345")
                                        .with(option::kNoResponse, "12")
                                        .with(option::kRequestTag, "123456789"));
    EXPECT_FALSE(request.size1.has_value());
    EXPECT_EQ(request.asked.no_response, 0);
}

// RFC 7252 section 5.4.5: so does a repetition, and an elective one counts only the first time.
TEST_F(MessageLayerTest, TreatsARepetitionLikewise) {
    EXPECT_EQ(refusal_of(telemetry().with_uint(option::kAccept, 0).with_uint(option::kAccept, 0)).code(),
              Code::kBadOption);
    EXPECT_EQ(refusal_of(telemetry().block1(0, false, 0).block1(0, false, 0)).code(), Code::kBadOption);
    const auto request = request_of(telemetry().with_uint(option::kContentFormat, 60));
    EXPECT_EQ(request.content_format, 112);
}

TEST_F(MessageLayerTest, RefusesAPathThatNoneCanBe) {
    EXPECT_EQ(refusal_of(NodeMessage{}.with(option::kUriPath, "..")).code(), Code::kBadOption);
    EXPECT_EQ(refusal_of(NodeMessage{}.with(option::kUriPath, "\xff")).code(), Code::kBadOption);
    EXPECT_EQ(refusal_of(NodeMessage{}.path("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17")).code(),
              Code::kBadOption);
}

TEST_F(MessageLayerTest, SplitsAWholePathForAFleetOfSuchModems) {
    const auto message = NodeMessage{}.with(option::kUriPath, "/up/telemetry");
    EXPECT_THAT(request_of(message).path.segments(), ElementsAre("/up/telemetry"));
    layer_.forget(kSession);
    options_.split_uri_path = true;
    EXPECT_THAT(request_of(message).path.segments(), ElementsAre("up", "telemetry"));
}

TEST_F(MessageLayerTest, RefusesTheReservedBlockSize) {
    EXPECT_EQ(refusal_of(telemetry().with_uint(option::kBlock1, 7)).code(), Code::kBadRequest);
    EXPECT_EQ(refusal_of(telemetry().with_uint(option::kBlock2, 0xf)).code(), Code::kBadRequest);
    EXPECT_EQ(layer_.count(MessageFate::kBadBlock), 2U);
}

TEST_F(MessageLayerTest, IsNoProxy) {
    EXPECT_EQ(refusal_of(telemetry().with(option::kProxyUri, "coap://elsewhere.example/")).code(),
              Code::kProxyingNotSupported);
    EXPECT_EQ(refusal_of(telemetry().with(option::kProxyScheme, "http")).code(), Code::kProxyingNotSupported);
}

// RFC 7967 section 2.1, every value of a byte against every class, for both types.
TEST_F(MessageLayerTest, SuppressesExactlyTheResponsesThatAreNotWanted) {
    for (unsigned bits = 0; bits < 256; ++bits) {
        for (const auto type : {MessageType::kConfirmable, MessageType::kNonConfirmable}) {
            layer_.forget(kSession);
            const auto asked = request_of(telemetry(type).with_uint(option::kNoResponse, bits)).asked;
            for (const auto& [code, bit] :
                 {std::pair{Code::kChanged, 2U}, std::pair{Code::kContent, 2U},
                  std::pair{Code::kNotFound, 8U}, std::pair{Code::kTooManyRequests, 8U},
                  std::pair{Code::kServiceUnavailable, 16U}}) {
                const auto reply = to_hex(respond(asked, {.code = code}));
                if ((bits & bit) == 0) {
                    EXPECT_EQ(reply.size(), 10U) << bits << " " << text_of(code);
                } else {
                    EXPECT_EQ(reply, type == MessageType::kConfirmable ? "60007d34" : "") << bits;
                }
            }
            // Without it no upload could go on.
            EXPECT_EQ(respond(asked, {.code = Code::kContinue}).size(), 5U);
        }
    }
}

// The option stands behind the one that is refused, and governs the refusal all the same.
TEST_F(MessageLayerTest, HeedsNoResponseInItsOwnRefusals) {
    EXPECT_EQ(reply_to(telemetry().with(9).with_uint(option::kNoResponse, 8)), "60007d34");
    EXPECT_EQ(reply_to(telemetry().with_uint(option::kBlock1, 7).with_uint(option::kNoResponse, 26)),
              "60007d34");
}

TEST_F(MessageLayerTest, GivesAnErrorItsWords) {
    const auto asked = request_of(telemetry()).asked;
    auto busy = refusal(Code::kServiceUnavailable);
    busy.max_age = seconds(60);
    const auto reply = respond(asked, busy);
    const auto message = decode(reply).value();
    EXPECT_EQ(message.code(), Code::kServiceUnavailable);
    EXPECT_EQ(uint_of(*message.first(option::kMaxAge)), 60U);
    EXPECT_EQ(narrowgate::text_of(message.payload()), "store full, wait Max-Age");
    EXPECT_FALSE(message.first(option::kContentFormat)) << "RFC 7252 section 5.5.2: it has none";
}

TEST_F(MessageLayerTest, PassesAnUnknownMethodOnForA405) {
    auto message = telemetry();
    message.code = static_cast<Code>(0x1f);
    EXPECT_EQ(request_of(message).method, static_cast<Code>(0x1f));
}

TEST(MessageFateTest, HasANameForEveryCounter) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kMessageFates; ++i)
        names.insert(name_of(static_cast<MessageFate>(i)));
    EXPECT_EQ(names.size(), kMessageFates);
    names.clear();
    for (std::size_t i = 0; i < kDecodeFaults; ++i)
        names.insert(name_of(static_cast<DecodeFault>(i)));
    EXPECT_EQ(names.size(), kDecodeFaults);
}

}  // namespace
}  // namespace narrowgate::coap
