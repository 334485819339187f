// SPDX-License-Identifier: Apache-2.0
//
// The node's DTLS client against the gateway's own engine. Design: cases A and C of the field (a 512-byte
// link, lost flights) must cost datagrams, never the handshake.
#include "dtls/client.h"

#include <gtest/gtest.h>

#include "firmware/dtls_node.hpp"

namespace narrowgate::firmware {
namespace {

class NodeDtlsTest : public ::testing::Test {
protected:
    NodeDtlsTest() {
        gateway_.credentials.add({'n', 'o', 'd', 'e', '-', '0', '0', '0', '1'}, 2, Bytes(16, 0x5a));
    }

    // Lets the node's next deadline come; false when it has none.
    bool advance_to_deadline() {
        const std::uint32_t wait = dt_step(&node_.client(), node_.now());
        if (wait == PORT_NEVER) return false;
        node_.advance(wait);
        gateway_.endpoint().advance(gateway_.clock.now());
        dt_step(&node_.client(), node_.now());
        return true;
    }

    dtls::Gateway gateway_;
    DtlsNode node_{gateway_};
};

TEST_F(NodeDtlsTest, AHandshakeTakesThreeDatagramsEachWayAndWhatWasBudgeted) {
    ASSERT_TRUE(node_.shake_hands());
    EXPECT_EQ(node_.up.size(), 3U);
    EXPECT_EQ(node_.down.size(), 3U);
    EXPECT_LE(node_.up_bytes + node_.down_bytes, 540U);
    RecordProperty("handshake_udp_payload_bytes", std::to_string(node_.up_bytes + node_.down_bytes));
    EXPECT_TRUE(dt_has_connection_id(&node_.client()));
    EXPECT_EQ(gateway_.journal.size(), 1U);
}

// A ClientHello that needs fragments cannot be answered (RFC 6347 section 4.2.1): case A's endless loop.
TEST_F(NodeDtlsTest, TheClientHelloIsOneSmallDatagram) {
    ASSERT_TRUE(node_.shake_hands());
    EXPECT_LE(node_.up[0].size(), 80U);
    EXPECT_LE(node_.up[1].size(), node_.up[0].size() + 8U);          // the cookie
    EXPECT_LE(node_.up[1].size() + 24U, DT_CLIENT_HELLO_BYTES_MAX);  // with the longest cookie there is
}

// RFC 6655: TLS_PSK_WITH_AES_128_CCM_8 is 0xc0a8; 0x00ff stands for the renegotiation extension (RFC 5746).
TEST_F(NodeDtlsTest, OneSuiteIsOffered) {
    ASSERT_TRUE(node_.shake_hands());
    EXPECT_NE(to_hex(node_.up[0]).find("0004c0a800ff0100"), std::string::npos) << to_hex(node_.up[0]);
}

TEST_F(NodeDtlsTest, MessagesGoBothWays) {
    ASSERT_TRUE(node_.shake_hands());
    ASSERT_TRUE(node_.says("21.5 Cel"));
    ASSERT_EQ(gateway_.arrivals.size(), 1U);
    EXPECT_EQ(text_of(gateway_.arrivals[0].data), "21.5 Cel");
    const auto reply = gateway_.reply(gateway_.arrivals[0].receipt.session, "thanks");
    ASSERT_TRUE(reply.has_value());
    node_.hears(*reply);
    ASSERT_EQ(node_.heard.size(), 1U);
    EXPECT_EQ(text_of(node_.heard[0]), "thanks");
}

// 13 of header, 6 of connection ID, 8 of explicit nonce, 1 of inner type, 8 of tag: and no padding.
TEST_F(NodeDtlsTest, ARecordAddsThirtySixBytes) {
    ASSERT_TRUE(node_.shake_hands());
    for (const std::size_t size : {1U, 15U, 16U, 17U, 60U}) {
        node_.clear_counts();
        ASSERT_TRUE(node_.says(std::string(size, 'x')));
        EXPECT_EQ(node_.up_bytes, size + 36U);
    }
}

TEST_F(NodeDtlsTest, TheLongestMessageFitsOneDatagramOfTheModem) {
    ASSERT_TRUE(node_.shake_hands());
    node_.clear_counts();
    EXPECT_FALSE(node_.says(std::string(DT_APPLICATION_BYTES + 1, 'x')));
    ASSERT_TRUE(node_.says(std::string(DT_APPLICATION_BYTES, 'x')));
    EXPECT_LE(node_.up_bytes, DT_DATAGRAM_BYTES);
    ASSERT_EQ(gateway_.arrivals.size(), 1U);
}

TEST_F(NodeDtlsTest, ThePoolHoldsAHandshakeWithRoomToSpare) {
    ASSERT_TRUE(node_.shake_hands());
    RecordProperty("pool_peak_bytes", std::to_string(node_.client().pool.peak_bytes));
    EXPECT_EQ(node_.client().pool.refusals, 0U);
    EXPECT_LE(node_.client().pool.peak_bytes, DT_POOL_BYTES - 256U);
}

// Each datagram of a handshake lost in turn: 9 s later it is there again, and the handshake completes at
// twice its price.
TEST_F(NodeDtlsTest, AnyOneDatagramOfAHandshakeMayBeLost) {
    for (int lost = 0; lost < 6; ++lost) {
        SCOPED_TRACE(lost);
        node_.reset();
        node_.clear_counts();
        const auto sessions = gateway_.established.size();
        dt_start(&node_.client(), node_.now());
        const auto start = node_.now();
        int carried = 0;
        for (int turn = 0; turn < 40 && node_.client().state == DT_HANDSHAKE; ++turn) {
            const Bytes up = node_.taken();
            if (!up.empty() && carried++ != lost) gateway_.receive(up, node_.path);
            bool moved = !up.empty();
            for (const dtls::Sent& sent : gateway_.take_sent()) {
                moved = true;
                if (carried++ != lost) node_.hears(sent.datagram);
            }
            if (!moved) {
                ASSERT_TRUE(advance_to_deadline());
            }
        }
        EXPECT_EQ(node_.client().state, DT_ESTABLISHED);
        EXPECT_EQ(node_.now() - start, DT_HANDSHAKE_TIMEOUT_MIN_MS);
        node_.exchange();  // a flight that was repeated for nothing
        ASSERT_TRUE(node_.says("after loss"));
        EXPECT_EQ(text_of(gateway_.arrivals.back().data), "after loss");
        EXPECT_GT(gateway_.established.size(), sessions);
        EXPECT_LE(node_.up_bytes + node_.down_bytes, 2 * 540U);
    }
}

// RFC 7925 section 11: 9, 18, 36 and 60 seconds, then it is over, and the node's battery is its own.
TEST_F(NodeDtlsTest, ASilentGatewayIsGivenUpAfterTwoMinutes) {
    dt_start(&node_.client(), node_.now());
    std::vector<std::uint32_t> waits;
    while (node_.client().state == DT_HANDSHAKE) {
        EXPECT_FALSE(node_.taken().empty());
        const std::uint32_t wait = dt_step(&node_.client(), node_.now());
        ASSERT_NE(wait, PORT_NEVER);
        waits.push_back(wait);
        ASSERT_TRUE(advance_to_deadline());
        ASSERT_LT(waits.size(), 10U);
    }
    EXPECT_EQ(waits, (std::vector<std::uint32_t>{9'000, 18'000, 36'000, 60'000}));
    EXPECT_EQ(node_.client().state, DT_FAILED);
    EXPECT_EQ(node_.client().reason, DT_NO_ANSWER);
}

// A modem may need half a minute to have a connection; the wait for an answer begins when the datagram has
// left.
TEST_F(NodeDtlsTest, TimeBeforeADatagramLeavesIsNoTimeout) {
    dt_start(&node_.client(), node_.now());
    EXPECT_EQ(dt_step(&node_.client(), node_.now()), PORT_NEVER);
    node_.advance(600'000);
    EXPECT_EQ(dt_step(&node_.client(), node_.now()), PORT_NEVER);
    EXPECT_FALSE(node_.taken().empty());
    EXPECT_EQ(dt_step(&node_.client(), node_.now()), DT_HANDSHAKE_TIMEOUT_MIN_MS);
}

TEST_F(NodeDtlsTest, AWrongKeyIsAFailureWithAReason) {
    gateway_.credentials.add({'n', 'o', 'd', 'e', '-', '0', '0', '0', '1'}, 2, Bytes(16, 0x77));
    dt_start(&node_.client(), node_.now());
    for (int turn = 0; turn < 20 && node_.client().state == DT_HANDSHAKE; ++turn) {
        node_.exchange();
        if (node_.client().state != DT_HANDSHAKE || !advance_to_deadline()) break;
    }
    EXPECT_EQ(node_.client().state, DT_FAILED);
    EXPECT_TRUE(node_.client().reason == DT_REFUSED || node_.client().reason == DT_NO_ANSWER);
    EXPECT_TRUE(gateway_.journal.empty());
}

// Lessons, case D: no random numbers, no start.
TEST_F(NodeDtlsTest, WithoutRandomNumbersNothingIsSent) {
    node_.random_works = false;
    EXPECT_FALSE(node_.shake_hands());
    EXPECT_EQ(node_.client().state, DT_FAILED);
    EXPECT_EQ(node_.client().reason, DT_NO_ENTROPY);
    EXPECT_TRUE(node_.up.empty());
}

// RFC 6347 section 4.1.2.7, and case C: forged, replayed, cut or huge datagrams cost nothing.
TEST_F(NodeDtlsTest, BadDatagramsDoNotEndASession) {
    ASSERT_TRUE(node_.shake_hands());
    ASSERT_TRUE(node_.says("hello"));
    const auto session = gateway_.arrivals[0].receipt.session;
    const auto genuine = *gateway_.reply(session, "genuine");
    for (std::size_t size = 1; size < genuine.size(); ++size)
        node_.hears(ByteView(genuine).first(size));
    for (std::size_t at = 0; at < genuine.size(); ++at) {
        Bytes forged = genuine;
        forged[at] ^= 0x40;
        node_.hears(forged);
    }
    node_.hears(Bytes(1'500, 0x17));
    node_.hears({});
    Bytes alert = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};  // epoch 0: anyone can write that
    node_.hears(alert);
    EXPECT_TRUE(node_.heard.empty());
    EXPECT_EQ(node_.client().state, DT_ESTABLISHED);
    node_.hears(genuine);
    ASSERT_EQ(node_.heard.size(), 1U);
    node_.hears(genuine);  // played again
    EXPECT_EQ(node_.heard.size(), 1U);
}

TEST_F(NodeDtlsTest, ADatagramThatTheModemRefusedIsTheSameWhenItIsSentAgain) {
    ASSERT_TRUE(node_.shake_hands());
    ASSERT_TRUE(dt_write(&node_.client(), bytes_of("x").data(), 1, node_.now()));
    std::size_t size = 0;
    const std::uint8_t* bytes = dt_take(&node_.client(), &size);
    const Bytes first(bytes, bytes + size);
    EXPECT_FALSE(dt_write(&node_.client(), bytes_of("y").data(), 1, node_.now()));
    bytes = dt_take(&node_.client(), &size);
    EXPECT_EQ(Bytes(bytes, bytes + size), first);
    EXPECT_EQ(node_.taken(), first);
    EXPECT_TRUE(node_.taken().empty());
}

TEST_F(NodeDtlsTest, AHandshakeMayFollowAFailedOne) {
    node_.random_works = false;
    EXPECT_FALSE(node_.shake_hands());
    node_.random_works = true;
    EXPECT_TRUE(node_.shake_hands());
    EXPECT_TRUE(node_.says("x"));
    EXPECT_TRUE(node_.shake_hands());  // and a working one
    EXPECT_TRUE(node_.says("y"));
    EXPECT_EQ(gateway_.arrivals.size(), 2U);
    dt_close(&node_.client());
    EXPECT_EQ(node_.client().pool.used_bytes, 0U);
}

}  // namespace
}  // namespace narrowgate::firmware
