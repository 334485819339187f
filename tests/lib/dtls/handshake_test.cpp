// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "gateway.hpp"

namespace narrowgate::dtls {
namespace {

struct Flavour {
    const char* name;
    std::uint16_t suite;
    bool cid;
    bool extended_master_secret;
};

class EveryFlavour : public ::testing::TestWithParam<Flavour> {
protected:
    fakes::DtlsClientOptions options() const {
        fakes::DtlsClientOptions options;
        options.suites = {GetParam().suite};
        options.offer_cid = GetParam().cid;
        options.extended_master_secret = GetParam().extended_master_secret;
        return options;
    }
};

TEST_P(EveryFlavour, CompletesAndCarriesDataBothWays) {
    Gateway gateway;
    Node node(gateway, options());
    ASSERT_TRUE(node.shake_hands()) << node.client.error();
    ASSERT_EQ(gateway.journal.size(), 1u);
    const auto& [session, row] = *gateway.journal.begin();
    EXPECT_EQ(row.credential, 1u);
    EXPECT_EQ(row.cid.size(), GetParam().cid ? 6u : 0u);
    EXPECT_FALSE(row.confirmed);

    EXPECT_EQ(node.says("21.5 Cel"), Fate::kReceipt);
    ASSERT_EQ(gateway.arrivals.size(), 1u);
    EXPECT_EQ(text_of(gateway.arrivals[0].data), "21.5 Cel");
    EXPECT_TRUE(row.confirmed);
    EXPECT_EQ(node.hears(session, "2.04"), "2.04");

    ASSERT_EQ(gateway.traces.size(), 1u);
    EXPECT_EQ(gateway.traces[0].outcome, HandshakeOutcome::kEstablished);
    EXPECT_EQ(gateway.traces[0].retransmissions, 0u);
    EXPECT_EQ(gateway.endpoint().handshakes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Dtls, EveryFlavour,
    ::testing::Values(Flavour{"Ccm8WithCid", 0xc0a8, true, true}, Flavour{"Ccm8", 0xc0a8, false, true},
                      Flavour{"CcmWithCid", 0xc0a4, true, true}, Flavour{"Ccm", 0xc0a4, false, true},
                      Flavour{"GcmWithCid", 0x00a8, true, true}, Flavour{"Gcm", 0x00a8, false, true},
                      Flavour{"Ccm8WithoutExtendedMasterSecret", 0xc0a8, true, false}),
    [](const auto& flavour) { return flavour.param.name; });

// The library sees to a timer that has run out in place of the record it is given; that must not cost the
// record.
TEST(Handshake, ARecordThatComesWithTheTimeOutIsNotLost) {
    Gateway gateway;
    Node node(gateway);
    node.client.start(gateway.clock.now().steady);
    for (int turn = 0; turn < 2; ++turn) {
        for (const auto& datagram : node.client.take_datagrams())
            gateway.receive(datagram, node.path);
        for (const Sent& sent : gateway.take_sent()) {
            node.client.receive(sent.datagram, gateway.clock.now().steady);
        }
    }
    const auto flight = node.client.take_datagrams();
    ASSERT_EQ(flight.size(), 1u);
    gateway.clock.advance(seconds(10));  // and nobody calls advance()
    gateway.receive(flight[0], node.path);
    EXPECT_EQ(gateway.counters().handshakes_completed, 1u);
    EXPECT_EQ(gateway.traces.at(0).retransmissions, 1u);
    EXPECT_EQ(gateway.counters().flights_retransmitted, 1u);
}

}  // namespace
}  // namespace narrowgate::dtls
