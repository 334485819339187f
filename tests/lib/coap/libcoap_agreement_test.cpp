// SPDX-License-Identifier: Apache-2.0
//
// Our codec against libcoap's own: what one writes the other reads, and what one refuses the other does too.
#include <coap3/coap.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "lib/coap/requests.hpp"
#include "narrowgate/coap/message_layer.hpp"

namespace narrowgate::coap {
namespace {

struct DeletePdu {
    void operator()(coap_pdu_t* pdu) const { coap_delete_pdu(pdu); }
};
using Pdu = std::unique_ptr<coap_pdu_t, DeletePdu>;

constexpr std::size_t kPduBytes = 4'096;

class LibcoapAgreementTest : public testing::Test {
protected:
    void SetUp() override { coap_set_log_level(LOG_EMERG); }
    void TearDown() override { coap_set_log_level(LOG_WARNING); }

    // Nothing when libcoap refuses the datagram.
    static Pdu parse(const Bytes& datagram) {
        Pdu pdu(coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE, 0, kPduBytes));
        if (coap_pdu_parse(COAP_PROTO_UDP, datagram.data(), datagram.size(), pdu.get()) == 0) return nullptr;
        return pdu;
    }

    static void expect_same(const MessageView& ours, const coap_pdu_t* theirs) {
        EXPECT_EQ(static_cast<int>(ours.type()), static_cast<int>(coap_pdu_get_type(theirs)));
        EXPECT_EQ(static_cast<int>(ours.code()), static_cast<int>(coap_pdu_get_code(theirs)));
        EXPECT_EQ(ours.mid(), coap_pdu_get_mid(theirs));
        const auto token = coap_pdu_get_token(theirs);
        EXPECT_EQ(to_hex(ours.token()), to_hex(ByteView(token.s, token.length)));

        coap_opt_iterator_t walk;
        coap_option_iterator_init(theirs, &walk, COAP_OPT_ALL);
        for (const auto& [number, value] : ours.options()) {
            const coap_opt_t* option = coap_option_next(&walk);
            ASSERT_NE(option, nullptr);
            EXPECT_EQ(number, walk.number);
            EXPECT_EQ(to_hex(value), to_hex(ByteView(coap_opt_value(option), coap_opt_length(option))));
        }
        EXPECT_EQ(coap_option_next(&walk), nullptr);

        std::size_t length = 0;
        const std::uint8_t* data = nullptr;
        if (coap_get_data(theirs, &length, &data) == 0) length = 0;
        EXPECT_EQ(to_hex(ours.payload()), to_hex(ByteView(data, length)));
    }

    // The datagram of a PDU. libcoap has no public way to write one; but token, options and payload lie in
    // one piece from where the token begins to where the payload ends, and the four bytes before are simple.
    static Bytes bytes_of_pdu(const coap_pdu_t* pdu) {
        const auto token = coap_pdu_get_token(pdu);
        std::size_t length = 0;
        const std::uint8_t* data = nullptr;
        EXPECT_EQ(coap_get_data(pdu, &length, &data), 1) << "it needs a payload";
        Bytes out;
        ByteWriter(out)
            .u8(static_cast<std::uint8_t>(0x40U | static_cast<unsigned>(coap_pdu_get_type(pdu)) << 4 |
                                          token.length))
            .u8(static_cast<std::uint8_t>(coap_pdu_get_code(pdu)))
            .u16(static_cast<std::uint16_t>(coap_pdu_get_mid(pdu)))
            .append(ByteView(token.s, data + length));
        return out;
    }

    std::mt19937 random_{20'260'101};  // the same messages at every run

    std::size_t upto(std::size_t most) {
        return std::uniform_int_distribution<std::size_t>(0, most)(random_);
    }
    Bytes some_bytes(std::size_t count) {
        Bytes bytes(count);
        for (auto& byte : bytes)
            byte = static_cast<std::uint8_t>(upto(255));
        return bytes;
    }
    // Numbers of options that libcoap knows no narrower length for, so that any value is good to it.
    std::vector<std::uint16_t> some_option_numbers() {
        std::vector<std::uint16_t> numbers(upto(12));
        for (auto& number : numbers)
            number = static_cast<std::uint16_t>(1'000 + upto(64'000));
        std::ranges::sort(numbers);
        return numbers;
    }
};

TEST_F(LibcoapAgreementTest, LibcoapReadsWhatWeWrite) {
    for (int round = 0; round < 2'000; ++round) {
        NodeMessage message{.type = static_cast<MessageType>(upto(1)),
                            .code = Code::kPost,
                            .mid = static_cast<std::uint16_t>(upto(0xffff)),
                            .token = some_bytes(upto(kMaxTokenBytes))};
        message.path("sensors/7");
        message.with_uint(option::kContentFormat, static_cast<std::uint32_t>(upto(0xffff)));
        for (const auto number : some_option_numbers()) {
            message.with_bytes(number, some_bytes(upto(300)));
        }
        message.payload.assign(upto(600), 'p');
        const auto datagram = message.bytes();
        const auto pdu = parse(datagram);
        ASSERT_NE(pdu, nullptr) << to_hex(datagram);
        expect_same(decode(datagram).value(), pdu.get());
    }
}

TEST_F(LibcoapAgreementTest, LibcoapReadsEveryResponseWeGive) {
    for (const Code code :
         {Code::kChanged, Code::kContent, Code::kContinue, Code::kBadRequest, Code::kBadOption,
          Code::kForbidden, Code::kNotFound, Code::kMethodNotAllowed, Code::kNotAcceptable,
          Code::kRequestEntityIncomplete, Code::kRequestEntityTooLarge, Code::kUnsupportedContentFormat,
          Code::kTooManyRequests, Code::kInternalServerError, Code::kServiceUnavailable,
          Code::kProxyingNotSupported}) {
        for (const auto type : {MessageType::kConfirmable, MessageType::kNonConfirmable}) {
            for (unsigned options = 0; options < 128; ++options) {
                const Asked asked{.type = type, .mid = 0xbeef, .token_bytes = 3, .token = {1, 2, 3}};
                auto response = refusal(code);
                if ((options & 1) != 0) response.content_format = content_format::kCbor;
                if ((options & 2) != 0) response.max_age = seconds(60);
                if ((options & 4) != 0) response.size1 = 16'384;
                if ((options & 8) != 0) response.size2 = 300;
                if ((options & 16) != 0) response.block1 = BlockOption{3, true, 4};
                if ((options & 32) != 0) response.block2 = BlockOption{0, true, 4};
                if ((options & 64) != 0) response.etag = ETag{9, 9, 9, 9};
                const auto datagram = respond(asked, response);
                const auto pdu = parse(datagram);
                ASSERT_NE(pdu, nullptr) << to_hex(datagram);
                expect_same(decode(datagram).value(), pdu.get());
            }
        }
    }
    const auto empty = encode_empty(MessageType::kReset, 0x0102);
    expect_same(decode(empty).value(), parse(empty).get());
}

TEST_F(LibcoapAgreementTest, WeReadWhatLibcoapWrites) {
    for (int round = 0; round < 2'000; ++round) {
        const Pdu pdu(coap_pdu_init(static_cast<coap_pdu_type_t>(upto(1)), COAP_REQUEST_CODE_PUT,
                                    static_cast<coap_mid_t>(upto(0xffff)), kPduBytes));
        const auto token = some_bytes(upto(kMaxTokenBytes));
        ASSERT_EQ(coap_add_token(pdu.get(), token.size(), token.data()), 1);
        for (const auto number : some_option_numbers()) {
            const auto value = some_bytes(upto(300));
            ASSERT_NE(coap_add_option(pdu.get(), number, value.size(), value.data()), 0U);
        }
        const auto payload = some_bytes(1 + upto(300));
        ASSERT_EQ(coap_add_data(pdu.get(), payload.size(), payload.data()), 1);
        const auto datagram = bytes_of_pdu(pdu.get());
        const auto message = decode(datagram);
        ASSERT_TRUE(message.has_value()) << to_hex(datagram);
        expect_same(*message, pdu.get());
    }
}

// A message with each of its bytes changed at random. We never take what libcoap refuses for its form, and
// where both take it, both read the same. (libcoap also checks lengths of known options, which for us is the
// message layer's part; numbers above 999 keep that out, and changes that reach below are skipped.)
TEST_F(LibcoapAgreementTest, WeAgreeOnChangedMessages) {
    int both = 0;
    for (int round = 0; round < 20'000; ++round) {
        NodeMessage message{.token = some_bytes(upto(kMaxTokenBytes)), .payload = "payload"};
        for (const auto number : some_option_numbers()) {
            message.with_bytes(number, some_bytes(upto(20)));
        }
        auto datagram = message.bytes();
        datagram[upto(datagram.size() - 1)] = static_cast<std::uint8_t>(upto(255));
        const auto ours = decode(datagram);
        if (!ours) continue;
        if (!ours->options().empty() && ours->options().front().number < 1'000) continue;
        const auto theirs = parse(datagram);
        ASSERT_NE(theirs, nullptr) << to_hex(datagram);
        expect_same(*ours, theirs.get());
        ++both;
    }
    EXPECT_GT(both, 10'000);
}

}  // namespace
}  // namespace narrowgate::coap
