// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/codec.hpp"

#include <gtest/gtest.h>

#include "lib/coap/requests.hpp"

namespace narrowgate::coap {
namespace {

Bytes unhex(std::string_view hex) {
    return from_hex(hex).value();
}

DecodeFault fault_of(std::string_view hex) {
    const auto datagram = unhex(hex);
    const auto message = decode(datagram);
    EXPECT_FALSE(message.has_value()) << hex;
    return message ? DecodeFault{} : message.error();
}

// RFC 7252 appendix A, figure 16: a confirmable request and its piggybacked response.
TEST(CodecTest, ReadsTheFirstExampleOfTheRfc) {
    const auto datagram = unhex("40017d34bb74656d7065726174757265");
    const auto message = decode(datagram);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->type(), MessageType::kConfirmable);
    EXPECT_EQ(message->code(), Code::kGet);
    EXPECT_EQ(message->mid(), 0x7d34);
    EXPECT_TRUE(message->token().empty());
    ASSERT_EQ(message->options().size(), 1U);
    EXPECT_EQ(message->options()[0].number, option::kUriPath);
    EXPECT_EQ(narrowgate::text_of(message->options()[0].value), "temperature");
    EXPECT_TRUE(message->payload().empty());
}

TEST(CodecTest, WritesTheResponseOfThatExample) {
    Bytes out;
    MessageWriter(out, MessageType::kAcknowledgement, Code::kContent, 0x7d34).payload(bytes_of("22.3 C"));
    EXPECT_EQ(to_hex(out), "60457d34ff32322e332043");
}

// Figure 17: the same with a token.
TEST(CodecTest, WritesTheExampleWithAToken) {
    const Bytes token{0x20};
    Bytes out;
    MessageWriter(out, MessageType::kConfirmable, Code::kGet, 0x7d35, token)
        .option(option::kUriPath, bytes_of("temperature"));
    EXPECT_EQ(to_hex(out), "41017d3520bb74656d7065726174757265");
}

TEST(CodecTest, NamesEveryDecodeFault) {
    EXPECT_EQ(fault_of("400100"), DecodeFault::kTruncatedHeader);
    EXPECT_EQ(fault_of(""), DecodeFault::kTruncatedHeader);
    EXPECT_EQ(fault_of("80010001"), DecodeFault::kUnknownVersion);
    EXPECT_EQ(fault_of("00010001"), DecodeFault::kUnknownVersion);
    EXPECT_EQ(fault_of("40200001"), DecodeFault::kReservedCodeClass);
    EXPECT_EQ(fault_of("40c00001"), DecodeFault::kReservedCodeClass);
    EXPECT_EQ(fault_of("40e10001"), DecodeFault::kReservedCodeClass);
    EXPECT_EQ(fault_of("49010001aaaaaaaaaaaaaaaaaa"), DecodeFault::kReservedTokenLength);
    EXPECT_EQ(fault_of("4f010001"), DecodeFault::kReservedTokenLength);
    EXPECT_EQ(fault_of("42010001aa"), DecodeFault::kTruncatedToken);
    EXPECT_EQ(fault_of("41000001aa"), DecodeFault::kEmptyWithContent);
    EXPECT_EQ(fault_of("40000001ff00"), DecodeFault::kEmptyWithContent);
    EXPECT_EQ(fault_of("40010001f0"), DecodeFault::kMalformedOption);    // delta 15 that is no marker
    EXPECT_EQ(fault_of("400100010f"), DecodeFault::kMalformedOption);    // length 15
    EXPECT_EQ(fault_of("40010001b2aa"), DecodeFault::kMalformedOption);  // value past the end
    EXPECT_EQ(fault_of("40010001d0"), DecodeFault::kMalformedOption);    // extended delta past the end
    EXPECT_EQ(fault_of("40010001e0ff"), DecodeFault::kMalformedOption);
    EXPECT_EQ(fault_of("400100010d"), DecodeFault::kMalformedOption);        // extended length past the end
    EXPECT_EQ(fault_of("40010001e0ffff"), DecodeFault::kMalformedOption);    // number 65535 + 269
    EXPECT_EQ(fault_of("40010001e0fef210"), DecodeFault::kMalformedOption);  // 65535 and one more
    EXPECT_EQ(fault_of("40010001ff"), DecodeFault::kMissingPayload);
    EXPECT_EQ(fault_of("40010001b0ff"), DecodeFault::kMissingPayload);
}

TEST(CodecTest, TakesTheLargestOptionNumber) {
    const auto datagram = unhex("40010001e0fef2");
    const auto message = decode(datagram);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->options()[0].number, 0xffff);
}

TEST(CodecTest, TakesAsManyOptionsAsItHasRoomForAndNotOneMore) {
    NodeMessage message;
    for (std::size_t i = 0; i < kMaxOptions; ++i)
        message.with(option::kUriQuery, "q");
    EXPECT_EQ(decode(message.bytes())->options().size(), kMaxOptions);
    const auto one_more = message.with(option::kUriQuery, "q").bytes();
    EXPECT_EQ(decode(one_more).error(), DecodeFault::kTooManyOptions);
}

TEST(CodecTest, RefusesAnOptionLongerThanAnyThatIsDefined) {
    // Number 12, extended length 1035 - 269, and so many bytes.
    Bytes datagram = unhex("40010001ce02fe");
    datagram.resize(datagram.size() + 1035, 'x');
    EXPECT_EQ(decode(datagram).error(), DecodeFault::kOptionTooLong);
    datagram[6] = 0xfd;
    datagram.pop_back();
    EXPECT_EQ(decode(datagram)->options()[0].value.size(), kMaxOptionValueBytes);
}

// Every prefix of a message, and every value of each of its bytes: nothing reads past the end (the sanitizers
// watch), what is read stays inside, and libcoap prints nothing about a stranger's bytes.
TEST(CodecTest, SurvivesEveryTruncationAndEveryChangedByteInSilence) {
    const auto whole = NodeMessage{.payload = "21.5"}
                           .path("sensors/temperature-of-the-outer-wall")
                           .with_uint(option::kContentFormat, content_format::kSenmlCbor)
                           .with_uint(option::kNoResponse, 2)
                           .with(option::kRequestTag, "tag")
                           .bytes();
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    std::size_t accepted = 0;
    const auto check = [&](const Bytes& datagram) {
        const auto message = decode(datagram);
        if (!message) return;
        ++accepted;
        const auto is_inside = [&](ByteView view) {
            return view.empty() || (view.data() >= datagram.data() &&
                                    view.data() + view.size() <= datagram.data() + datagram.size());
        };
        EXPECT_TRUE(is_inside(message->token()) && is_inside(message->payload()));
        for (const auto& [number, value] : message->options())
            EXPECT_TRUE(is_inside(value));
    };
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        cut.shrink_to_fit();
        check(cut);
        for (std::size_t at = 0; at < length; ++at) {
            for (unsigned value = 0; value < 256; value += length == whole.size() ? 1 : 51) {
                Bytes changed = cut;
                changed[at] = static_cast<std::uint8_t>(value);
                check(changed);
            }
        }
    }
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_GT(accepted, 1000U);
}

TEST(CodecTest, FindsTheFirstOfEqualOptions) {
    const auto datagram = NodeMessage{}.path("a/b").with_uint(option::kSize1, 9).bytes();
    const auto message = decode(datagram);
    EXPECT_EQ(narrowgate::text_of(message->first(option::kUriPath).value()), "a");
    EXPECT_EQ(uint_of(message->first(option::kSize1).value()), 9U);
    EXPECT_FALSE(message->first(option::kETag).has_value());
}

// RFC 7252 section 3.2: a sender uses the fewest bytes, a receiver must take leading zeros.
TEST(CodecTest, WritesIntegersShortAndReadsThemLong) {
    Bytes out;
    MessageWriter(out, MessageType::kNonConfirmable, Code::kContent, 1)
        .option_uint(option::kContentFormat, 0)
        .option_uint(option::kMaxAge, 0x1'0000);
    EXPECT_EQ(to_hex(out), "50450001c023010000");
    EXPECT_EQ(uint_of(unhex("0000002a")), 42U);
    EXPECT_EQ(uint_of(unhex("ffffffff")), 0xffff'ffffU);
    EXPECT_FALSE(uint_of(unhex("0000000001")).has_value());
}

// 13 and 269 are where the delta and the length change their form; one off there and the rest is garbage.
TEST(CodecTest, ReadsBackEveryDeltaAndLengthAroundTheirSteps) {
    for (const unsigned delta : {0U, 1U, 12U, 13U, 14U, 268U, 269U, 270U, 524U, 525U, 65'535U}) {
        for (const std::size_t length : {0U, 1U, 12U, 13U, 14U, 268U, 269U, 270U, 524U, 525U, 1034U}) {
            const Bytes value(length, 0x5a);
            Bytes out;
            MessageWriter(out, MessageType::kConfirmable, Code::kPost, 1)
                .option(static_cast<std::uint16_t>(delta), value)
                .payload(bytes_of("p"));
            const auto message = decode(out);
            ASSERT_TRUE(message.has_value()) << delta << " " << length;
            ASSERT_EQ(message->options().size(), 1U);
            EXPECT_EQ(message->options()[0].number, delta);
            EXPECT_EQ(message->options()[0].value.size(), length);
            EXPECT_EQ(narrowgate::text_of(message->payload()), "p");
        }
    }
}

TEST(CodecTest, AppendsBehindWhatIsThere) {
    Bytes out{0xee};
    MessageWriter(out, MessageType::kReset, Code::kEmpty, 0x0102);
    EXPECT_EQ(to_hex(out), "ee70000102");
    EXPECT_EQ(to_hex(encode_empty(MessageType::kAcknowledgement, 0xffff)), "6000ffff");
}

TEST(CodecTest, WritesNoMarkerForAnEmptyPayload) {
    Bytes out;
    MessageWriter(out, MessageType::kAcknowledgement, Code::kChanged, 1).payload({});
    EXPECT_EQ(out.size(), kHeaderBytes);
}

TEST(CodecDeathTest, AbortsOnOptionsOutOfOrder) {
    Bytes out;
    MessageWriter writer(out, MessageType::kConfirmable, Code::kPost, 1);
    writer.option_uint(option::kAccept, 0);
    EXPECT_DEATH(writer.option(option::kUriPath, bytes_of("a")), "");
    writer.payload(bytes_of("x"));
    EXPECT_DEATH(writer.option(option::kSize1, {}), "");
}

TEST(CodecTest, WritesCodesAsPeopleDo) {
    EXPECT_EQ(text_of(Code::kRequestEntityTooLarge), "4.13");
    EXPECT_EQ(text_of(Code::kContinue), "2.31");
    EXPECT_EQ(text_of(Code::kGet), "0.01");
}

}  // namespace
}  // namespace narrowgate::coap
