// SPDX-License-Identifier: Apache-2.0
//
// What a handshake leaves behind for whoever asks why it stalled (P9): its datagrams in order.
#include "narrowgate/dtls/handshake_trace.hpp"

#include <gtest/gtest.h>

#include "weather.hpp"

namespace narrowgate::dtls {
namespace {

// One line a datagram: "<" from the node, ">" from us, its parts, "again".
std::string written(const HandshakeTrace& trace) {
    static constexpr std::array<std::string_view, kFlightParts> kNames{
        "hello", "server-hello", "done", "key", "ccs", "finished", "unfitting", "alert", "other"};
    std::string text;
    for (const TracedDatagram& datagram : trace.trail.all()) {
        text += datagram.ours ? '>' : '<';
        for (std::size_t i = 0; i < kFlightParts; ++i) {
            if (datagram.holds(static_cast<FlightPart>(1 << i))) text += ' ' + std::string(kNames[i]);
        }
        text += datagram.again ? " again\n" : "\n";
    }
    return text;
}

std::vector<milliseconds> arrives() {
    return {Weather::kDelay};
}

TEST(HandshakeTraceTest, AGoodHandshakeIsFourDatagramsAndTheHelloBeforeIt) {
    Gateway gateway;
    Node node(gateway);
    ASSERT_TRUE(node.shake_hands());
    const HandshakeTrace& trace = gateway.traces.at(0);
    EXPECT_EQ(written(trace),
              "< hello\n"
              "> server-hello done\n"
              "< key ccs finished\n"
              "> ccs finished\n");
    EXPECT_EQ(trace.hellos_before, 1u);
    EXPECT_EQ(trace.put_off, 0u);
    ASSERT_EQ(trace.offered.view().size(), 2u);
    EXPECT_EQ(trace.offered.numbers[0], 0xc0a8);
    EXPECT_EQ(trace.offered.numbers[1], 0x00ff);  // TLS_EMPTY_RENEGOTIATION_INFO_SCSV
    EXPECT_EQ(trace.offered.offered, 2u);
    EXPECT_EQ(trace.max_fragment, 0u);
    std::size_t in = 0;
    std::size_t out = 0;
    for (const TracedDatagram& datagram : trace.trail.all())
        (datagram.ours ? out : in) += datagram.bytes;
    EXPECT_EQ(in, trace.bytes_in);
    EXPECT_EQ(out, trace.bytes_out);
}

TEST(HandshakeTraceTest, RecordsInDatagramsOfTheirOwnAreTracedOneByOne) {
    Gateway gateway;
    fakes::DtlsClientOptions options;
    options.pack_datagrams = false;
    options.max_fragment = 512;
    Node node(gateway, options);
    ASSERT_TRUE(node.shake_hands());
    EXPECT_EQ(written(gateway.traces.at(0)),
              "< hello\n"
              "> server-hello done\n"
              "< key\n< ccs\n< finished\n"
              "> ccs finished\n");
    EXPECT_EQ(gateway.traces.at(0).max_fragment, 512u);
}

// Our ServerHello flight, the 4th datagram, is lost once; the node's timer and ours both repair it.
TEST(HandshakeTraceTest, ALostFlightShowsBothEndsRepeatingThemselves) {
    Gateway gateway;
    Node node(gateway);
    Weather weather(gateway, node,
                    [](std::size_t index) { return index == 3 ? std::vector<milliseconds>() : arrives(); });
    ASSERT_TRUE(weather.run_until([&] { return !gateway.traces.empty(); }));
    const HandshakeTrace& trace = gateway.traces[0];
    EXPECT_EQ(trace.outcome, HandshakeOutcome::kEstablished);
    EXPECT_GE(trace.retransmissions, 1u);
    const auto all = trace.trail.all();
    ASSERT_GE(all.size(), 5u);
    EXPECT_TRUE(all[1].ours && all[1].holds(FlightPart::kServerHello) && !all[1].again);
    const auto again =
        std::find_if(all.begin(), all.end(), [](const TracedDatagram& of) { return of.ours && of.again; });
    ASSERT_NE(again, all.end());
    EXPECT_TRUE(again->holds(FlightPart::kServerHello));
    EXPECT_GE(again->at, seconds(8));
    EXPECT_LE(again->at, seconds(10));
    SteadyTime::duration last{};
    for (const TracedDatagram& datagram : all) {
        EXPECT_GE(datagram.at, last) << "in the order of time";
        last = datagram.at;
    }
}

// Nothing that we send after the HelloVerifyRequest arrives, and the node stops too.
TEST(HandshakeTraceTest, ASilenceAfterOurFlightShowsThatFlightAloneAgainAndAgain) {
    Gateway gateway;
    Node node(gateway);
    Weather weather(gateway, node,
                    [](std::size_t index) { return index >= 3 ? std::vector<milliseconds>() : arrives(); });
    ASSERT_TRUE(weather.run_until([&] { return !gateway.traces.empty(); }));
    const HandshakeTrace& trace = gateway.traces[0];
    EXPECT_EQ(trace.outcome, HandshakeOutcome::kTimedOut);
    EXPECT_EQ(trace.step, HandshakeStep::kClientKeyExchange);
    EXPECT_EQ(written(trace),
              "< hello\n"
              "> server-hello done\n"
              "> server-hello done again\n"
              "> server-hello done again\n"
              "> server-hello done again\n");
    const auto all = trace.trail.all();
    EXPECT_EQ(all[2].at, seconds(9));
    EXPECT_EQ(all[3].at, seconds(9 + 18));
    EXPECT_EQ(all[4].at, seconds(9 + 18 + 36));
}

TEST(HandshakeTraceTest, AWrongKeyShowsAsAFinishedThatDoesNotFit) {
    Gateway gateway;
    fakes::DtlsClientOptions options;
    options.psk = Bytes(16, 1);
    Node node(gateway, options);
    EXPECT_FALSE(node.shake_hands());
    for (int second = 0; second < 300; ++second) {
        gateway.clock.advance(seconds(1));
        gateway.endpoint().advance(gateway.clock.now());
    }
    const HandshakeTrace& trace = gateway.traces.at(0);
    EXPECT_TRUE(
        written(trace).starts_with("< hello\n"
                                   "> server-hello done\n"
                                   "< key ccs finished unfitting\n"))
        << written(trace);
    EXPECT_TRUE(trace.identity_known);
    EXPECT_EQ(text_of(trace.identity), "node");
}

TEST(HandshakeTraceTest, ARefusalKeepsWhatWasOffered) {
    Gateway gateway;
    fakes::DtlsClientOptions options;
    options.suites = {0x00ae, 0x008c};
    Node node(gateway, options);
    EXPECT_FALSE(node.shake_hands());
    const HandshakeTrace& trace = gateway.traces.at(0);
    EXPECT_EQ(written(trace), "< hello\n> alert\n");
    ASSERT_EQ(trace.offered.view().size(), 3u);
    EXPECT_EQ(trace.offered.numbers[0], 0x00ae);
    EXPECT_EQ(trace.offered.numbers[1], 0x008c);
}

TEST(HandshakeTraceTest, AnAlertOfTheNodeIsRememberedAndNotObeyed) {
    Gateway gateway;
    Node node(gateway);
    node.client.start(gateway.clock.now().steady);
    for (int turn = 0; turn < 2; ++turn) {
        gateway.receive(node.client.take_datagrams().at(0), node.path);
        node.client.receive(gateway.take_sent().at(0).datagram, gateway.clock.now().steady);
    }
    static constexpr std::uint8_t kHandshakeFailure = 40;
    const Bytes alert = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, kHandshakeFailure};
    EXPECT_EQ(gateway.receive(alert, node.path), Fate::kStrayPlaintext);
    gateway.endpoint().for_each_handshake([](const HandshakeTrace& trace) {
        EXPECT_EQ(trace.alert, kHandshakeFailure);
        EXPECT_TRUE(trace.trail.all().back().holds(FlightPart::kAlert));
    });
    node.exchange();
    EXPECT_TRUE(node.client.established());
}

TEST(HandshakeTraceTest, HandshakesInProgressCanBeLookedAt) {
    Gateway gateway;
    Node node(gateway);
    node.client.start(gateway.clock.now().steady);
    for (int turn = 0; turn < 2; ++turn) {
        gateway.receive(node.client.take_datagrams().at(0), node.path);
        node.client.receive(gateway.take_sent().at(0).datagram, gateway.clock.now().steady);
    }
    std::vector<std::string> seen;
    gateway.endpoint().for_each_handshake(
        [&](const HandshakeTrace& trace) { seen.push_back(written(trace)); });
    EXPECT_EQ(seen, std::vector<std::string>{"< hello\n> server-hello done\n"});
    node.exchange();
    gateway.endpoint().for_each_handshake([](const HandshakeTrace&) { FAIL() << "none is left"; });
}

// Whatever a peer does to a handshake, its trace stays of one size.
TEST(DatagramTrailTest, WhatHasNoPlaceIsCountedAndTheLatestIsKept) {
    DatagramTrail trail;
    constexpr std::uint64_t kDatagrams = 1000;
    for (std::uint64_t n = 1; n <= kDatagrams; ++n)
        trail.came(FlightPart::kOther, n, 100 + n, milliseconds(n));
    ASSERT_EQ(trail.all().size(), DatagramTrail::kKept);
    EXPECT_EQ(trail.left_out(), kDatagrams - DatagramTrail::kKept);
    EXPECT_EQ(trail.all().front().bytes, 101u);
    EXPECT_EQ(trail.all().back().bytes, 100 + kDatagrams);
    EXPECT_EQ(trail.all().back().at, seconds(1));
    trail.left(static_cast<std::uint16_t>(FlightPart::kAlert), 100'000, milliseconds(2000));
    EXPECT_EQ(trail.all().back().bytes, 65'535u) << "no datagram is longer";
    EXPECT_TRUE(trail.all().back().ours);
}

}  // namespace
}  // namespace narrowgate::dtls
