// SPDX-License-Identifier: Apache-2.0
//
// The node as a whole, against the gateway's rooms: what was measured arrives once and with its time, and
// sleep, reset, restarts of the gateway and the modem, and new addresses cost no handshake.
#include "app/node.h"

#include <gtest/gtest.h>

#include "firmware/node_world.hpp"

namespace narrowgate::firmware {
namespace {

constexpr std::uint32_t kHour = 3'600'000;

class NodeTest : public ::testing::Test {
protected:
    std::vector<double> temperatures() const {
        std::vector<double> values;
        for (const auto& record : world_.records)
            if (record.at("n") == "t") values.push_back(record.at("v").get<double>());
        return values;
    }
    bool has_logged(std::string_view text) const {
        return std::ranges::any_of(world_.board.lines, [&](const auto& line) {
            return line.second.find(text) != std::string::npos;
        });
    }

    NodeWorld world_;
};

TEST_F(NodeTest, TheFirstReadingArrivesWithItsValuesUnitsAndTime) {
    const auto wall = std::chrono::floor<seconds>(world_.gateway.clock.now().wall).time_since_epoch().count();
    ASSERT_TRUE(world_.delivers(1));
    ASSERT_EQ(world_.records.size(), 2U);
    EXPECT_EQ(world_.records[0].at("n"), "t");
    EXPECT_EQ(world_.records[0].at("u"), "Cel");
    EXPECT_EQ(world_.records[0].at("v").dump(), "21.5");
    EXPECT_EQ(world_.records[1].at("v").dump(), "3.3");
    EXPECT_NEAR(world_.records[0].at("t").get<double>(), static_cast<double>(wall), 3);
    EXPECT_EQ(world_.node->counts.acknowledged, 1U);
    EXPECT_EQ(world_.node->ring.count, 0U);
    EXPECT_GT(world_.board.fed, 0U);
}

TEST_F(NodeTest, AGatewayWithoutTheTimeGetsRelativeTimes) {
    world_.tells_time = false;
    const auto wall = std::chrono::floor<seconds>(world_.gateway.clock.now().wall).time_since_epoch().count();
    ASSERT_TRUE(world_.delivers(1));
    EXPECT_FALSE(world_.node->time.has_clock);
    EXPECT_NEAR(world_.records[0].at("t").get<double>(), static_cast<double>(wall), 8);
}

TEST_F(NodeTest, TheClockCostsNoExchangeOfItsOwnAndIsCheckedOnceADay) {
    ASSERT_TRUE(world_.delivers(1));
    EXPECT_EQ(world_.requests, 1U);
    EXPECT_TRUE(world_.node->time.has_clock);
    ASSERT_TRUE(world_.node->asks_time);
    for (std::size_t hour = 1; hour <= 23; ++hour) {
        world_.sleeps(kHour);
        ASSERT_TRUE(world_.delivers(hour + 1)) << hour;
        EXPECT_FALSE(world_.node->asks_time) << hour;
        EXPECT_TRUE(world_.node->time.has_clock) << hour;
    }
    world_.sleeps(kHour + 60'000);
    ASSERT_TRUE(world_.delivers(25));
    EXPECT_TRUE(world_.node->asks_time);
    EXPECT_EQ(world_.requests, 25U);
}

TEST_F(NodeTest, AClockThatIsWrongIsPutRightWithTheNextAnswerThatSaysSo) {
    ASSERT_TRUE(world_.delivers(1));
    const auto right = world_.node->time.unix_at_zero;
    world_.node->time.unix_at_zero -= 100;
    world_.node->clock_set_at_s -= 86'400;
    ASSERT_TRUE(world_.delivers(2, 2 * kHour));
    EXPECT_NEAR(static_cast<double>(world_.node->time.unix_at_zero), static_cast<double>(right), 3);
    // Two seconds are left alone: the way may take as long.
    world_.node->time.unix_at_zero -= 2;
    world_.node->clock_set_at_s -= 86'400;
    const auto off = world_.node->time.unix_at_zero;
    ASSERT_TRUE(world_.delivers(3, 2 * kHour));
    EXPECT_TRUE(world_.node->asks_time);
    EXPECT_EQ(world_.node->time.unix_at_zero, off);
}

// Registers are unsigned numbers, also those above 2^31.
TEST_F(NodeTest, AFaultIsReportedByTheNextUplinkOnce) {
    ASSERT_TRUE(nd_report_fault(world_.node.get(), 6, 0x08001234, 0xfffffff9, 0x10000));
    ASSERT_TRUE(world_.run(600'000, [&] { return world_.records.size() >= 6; }));
    ASSERT_TRUE(world_.run(600'000, [&] { return nd_may_sleep(world_.node.get()); }));
    world_.sleeps(kHour);
    ASSERT_TRUE(world_.delivers(4));
    std::map<std::string, std::vector<double>> values;
    for (const auto& record : world_.records)
        values[record.at("n").get<std::string>()].push_back(record.at("v").get<double>());
    EXPECT_EQ(values["fx"], std::vector<double>{6});
    EXPECT_EQ(values["fp"], std::vector<double>{0x08001234});
    EXPECT_EQ(values["fl"], std::vector<double>{0xfffffff9});
    EXPECT_EQ(values["fs"], std::vector<double>{0x10000});
    EXPECT_EQ(values["t"].size(), 2U);
}

TEST_F(NodeTest, ANodeThatFallsAgainAndAgainKeepsItsReadings) {
    for (std::uint32_t i = 0; i < 2 * RG_SLOTS; ++i)
        EXPECT_TRUE(nd_report_fault(world_.node.get(), 6, 0x08001234, 0, 0x10000));
    EXPECT_EQ(world_.node->ring.count, 1U);
    EXPECT_TRUE(nd_report_fault(world_.node.get(), 6, 0x08001238, 0, 0x10000));
    EXPECT_EQ(world_.node->ring.count, 2U);
}

TEST_F(NodeTest, ANodeThatSendsNothingDoesNotTakeAFault) {
    world_.provision({{PV_IDENTITY, "node-0001"}});
    world_.boots_up();
    EXPECT_FALSE(nd_report_fault(world_.node.get(), 6, 1, 2, 3));
}

// P2 from the node's side, and the budget: waking up costs nothing, a reading one datagram.
TEST_F(NodeTest, ADayOfSleepCostsNoHandshakeAndOneDatagramAReading) {
    ASSERT_TRUE(world_.delivers(1));
    for (std::size_t hour = 2; hour <= 24; ++hour) {
        world_.sleeps(kHour);
        const auto before = world_.up_datagrams;
        const auto bytes = world_.up_bytes;
        ASSERT_TRUE(world_.delivers(hour)) << hour;
        EXPECT_EQ(world_.up_datagrams - before, 1U);
        EXPECT_LE(world_.up_bytes - bytes, 110U);
        EXPECT_EQ(world_.node->counts.handshakes, 0U);
        EXPECT_EQ(world_.node->counts.restored, 1U);
        EXPECT_EQ(world_.sent.back().first, "0x400");  // one reply, then the radio may go off
    }
    EXPECT_EQ(world_.gateway.established.size(), 1U);
    EXPECT_EQ(world_.count("AT+CFUN"), 2U);  // the first start alone
    EXPECT_EQ(world_.count("AT+NSOCR"), 1U);
}

TEST_F(NodeTest, ARestartedGatewayAndANewAddressCostNoHandshake) {
    ASSERT_TRUE(world_.delivers(1));
    world_.sleeps(kHour);
    world_.gateway.crash();
    world_.path = dtls::path_from(61'000);
    ASSERT_TRUE(world_.delivers(2));
    world_.gateway.crash();  // while the node is awake
    world_.path = dtls::path_from(61'001);
    ASSERT_TRUE(world_.delivers(3, 2 * kHour));
    EXPECT_EQ(world_.gateway.established.size(), 1U);
}

TEST_F(NodeTest, ALossOfSupplyCostsAHandshakeAndNoReadingThatWasAcknowledged) {
    ASSERT_TRUE(world_.delivers(1));
    world_.boots_up();  // without having stored anything
    ASSERT_TRUE(world_.delivers(2));
    EXPECT_EQ(world_.gateway.established.size(), 2U);
    EXPECT_EQ(temperatures(), (std::vector<double>{21.5, 21.6}));
}

TEST_F(NodeTest, WhatWasNotAcknowledgedSurvivesAReset) {
    world_.reachable = false;
    world_.run(60'000, [] { return false; });
    EXPECT_EQ(world_.node->ring.count, 1U);
    world_.boots_up();
    world_.reachable = true;
    ASSERT_TRUE(world_.delivers(2));
    EXPECT_EQ(temperatures(), (std::vector<double>{21.5, 21.6}));
}

TEST_F(NodeTest, AnAnswerThatWasLostIsAskedForAgainAndTheReadingStoredOnce) {
    ASSERT_TRUE(world_.delivers(1));
    world_.sleeps(kHour);
    world_.downlinks_to_lose = 2;
    ASSERT_TRUE(world_.delivers(2));
    EXPECT_EQ(temperatures().size(), 2U);
    EXPECT_EQ(world_.node->counts.unanswered, 0U);
}

// The modem had the answer and did not say so: the second time that it is asked for, it is looked for.
TEST_F(NodeTest, AnAnswerWhoseNewsWereLostIsFound) {
    ASSERT_TRUE(world_.delivers(1));
    world_.sleeps(kHour);
    world_.announces = false;
    ASSERT_TRUE(world_.delivers(2));
    EXPECT_EQ(world_.node->counts.unanswered, 0U);
}

// RFC 7252 section 5.9.3.4, RFC 8516: the gateway says when to come back, and until then not a byte is sent.
TEST_F(NodeTest, BusyGatewaysAreLeftAloneForAsLongAsTheySay) {
    for (const coap::Code code : {coap::Code::kServiceUnavailable, coap::Code::kTooManyRequests}) {
        NodeWorld world;
        ASSERT_TRUE(world.delivers(1));
        world.answer = {.code = code, .max_age = seconds(900)};
        ASSERT_TRUE(world.run(2 * kHour, [&] { return world.node->counts.deferred == 1; }));
        const auto sent = world.up_datagrams;
        world.answer = {.code = coap::Code::kChanged};
        world.run(900'000 - 1'000, [] { return false; });
        EXPECT_EQ(world.up_datagrams, sent);
        EXPECT_EQ(world.node->ring.count, 1U);
        ASSERT_TRUE(world.delivers(2));
    }
}

TEST_F(NodeTest, ForbiddenMeansNotAnotherByteForADayButNotTheEndOfMeasuring) {
    ASSERT_TRUE(world_.delivers(1));
    world_.answer = {.code = coap::Code::kForbidden};
    ASSERT_TRUE(world_.run(2 * kHour, [&] { return world_.node->state == ND_STOPPED; }));
    const auto sent = world_.up_datagrams;
    world_.run(10 * kHour, [] { return false; });
    EXPECT_EQ(world_.up_datagrams, sent);
    EXPECT_GE(world_.node->ring.count, 9U);
    EXPECT_TRUE(has_logged("4.03"));
    // Somebody has put the device into its fleet: with nobody near the node, it comes back by itself.
    world_.answer = {.code = coap::Code::kChanged};
    ASSERT_TRUE(world_.delivers(24, 20 * kHour));
}

// Standby forgets everything but what is kept: the gateway's word must be.
TEST_F(NodeTest, WaitingAndStoppingOutliveSleep) {
    ASSERT_TRUE(world_.delivers(1));
    world_.answer = {.code = coap::Code::kServiceUnavailable, .max_age = seconds(900)};
    ASSERT_TRUE(world_.run(2 * kHour, [&] { return world_.node->counts.deferred == 1; }));
    world_.run(5'000, [] { return false; });
    auto sent = world_.up_datagrams;
    for (int i = 0; i < 8; ++i) {
        world_.sleeps(100'000);
        world_.run(1'000, [] { return false; });
    }
    EXPECT_EQ(world_.up_datagrams, sent);
    world_.answer = {.code = coap::Code::kForbidden};
    ASSERT_TRUE(world_.run(kHour, [&] { return world_.node->state == ND_STOPPED; }));
    world_.run(5'000, [] { return false; });
    sent = world_.up_datagrams;
    for (int i = 0; i < 20; ++i) {
        world_.sleeps(kHour);
        EXPECT_EQ(world_.node->state, ND_STOPPED);
        world_.run(10'000, [] { return false; });
    }
    EXPECT_EQ(world_.up_datagrams, sent);
    EXPECT_EQ(world_.gateway.established.size(), 1U);
}

TEST_F(NodeTest, AReadingThatIsRefusedForGoodDoesNotBlockTheOthers) {
    ASSERT_TRUE(world_.delivers(1));
    world_.answer = {.code = coap::Code::kBadRequest};
    ASSERT_TRUE(world_.run(2 * kHour, [&] { return world_.node->counts.refused == 1; }));
    world_.answer = {.code = coap::Code::kChanged};
    ASSERT_TRUE(world_.delivers(2, 2 * kHour));
    EXPECT_EQ(temperatures(), (std::vector<double>{21.5, 21.7}));
}

// The gateway is away for a working day. What was measured meanwhile arrives in order, each with its own
// time.
TEST_F(NodeTest, AnOutageLosesNothingThatTheRingCanHold) {
    ASSERT_TRUE(world_.delivers(1));
    world_.reachable = false;
    world_.run(10 * kHour, [] { return false; });
    world_.reachable = true;
    ASSERT_TRUE(world_.delivers(11, 3 * kHour));
    const auto values = temperatures();
    for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_NEAR(values[i], 21.5 + 0.1 * static_cast<double>(i), 0.001);
    double before = 0;
    for (const auto& record : world_.records) {
        if (record.at("n") != "t") continue;
        const double time = record.at("t").get<double>();
        if (before != 0) {
            EXPECT_NEAR(time - before, 3'600, 200);
        }
        before = time;
    }
    EXPECT_GT(world_.node->counts.handshakes, 1U);  // it cannot tell an outage from a session that was lost
}

TEST_F(NodeTest, AModemThatRestartsInMidSendLosesNothing) {
    ASSERT_TRUE(world_.delivers(1));
    world_.sleeps(kHour);
    world_.script = [this, first = true](std::string_view heard) mutable -> ScriptedModem::Answer {
        if (!heard.starts_with("AT+NSOST") || !std::exchange(first, false)) return std::nullopt;
        world_.reboots();
        return "";
    };
    ASSERT_TRUE(world_.delivers(2));
    EXPECT_EQ(temperatures(), (std::vector<double>{21.5, 21.6}));
    EXPECT_EQ(world_.gateway.established.size(), 1U);
    EXPECT_EQ(world_.node->modem.counts.boots, 1U);
}

TEST_F(NodeTest, ABadProvisioningBlockIsNamedAndNothingElseHappens) {
    world_.provision({{PV_IDENTITY, "node-0001"}, {PV_PSK, "short"}, {PV_GATEWAY, "192.0.2.1"}});
    world_.boots_up();
    EXPECT_EQ(world_.node->state, ND_UNPROVISIONED);
    EXPECT_TRUE(has_logged("psk"));
    world_.run(60'000, [] { return false; });
    EXPECT_TRUE(world_.commands.empty());
}

// Lessons, case D.
TEST_F(NodeTest, WithoutARandomNumberGeneratorItDoesNotStart) {
    world_.board.random_works = false;
    world_.boots_up();
    EXPECT_EQ(world_.node->state, ND_NO_ENTROPY);
    world_.run(2 * kHour, [] { return false; });
    EXPECT_TRUE(world_.commands.empty());
    EXPECT_TRUE(has_logged("random number generator"));
}

// The watchdog is fed by what is achieved. Here nothing is for a day: whatever is stuck starts anew.
TEST_F(NodeTest, ANodeThatAchievesNothingIsLeftToItsWatchdog) {
    world_.stat = 2;  // the modem never finds a network
    world_.run(23 * kHour, [] { return false; });
    auto fed = world_.board.fed;
    world_.run(kHour / 2, [] { return false; });
    EXPECT_GT(world_.board.fed, fed);
    world_.run(kHour, [] { return false; });
    fed = world_.board.fed;
    world_.run(10 * kHour, [] { return false; });
    EXPECT_EQ(world_.board.fed, fed);
    // The reset that follows finds all readings.
    world_.stat = 1;
    world_.boots_up();
    ASSERT_TRUE(world_.delivers(33, 2 * kHour));
}

TEST_F(NodeTest, AnotherProvisioningStartsWithAnotherSessionAndTheModemAnew) {
    ASSERT_TRUE(world_.delivers(1));
    nd_sleep(world_.node.get(), 1'000);
    world_.provision({{PV_IDENTITY, "node"}, {PV_PSK, std::string(16, 0x5a)}, {PV_GATEWAY, "192.0.2.1"}});
    world_.boots_up();
    ASSERT_TRUE(world_.delivers(2));
    EXPECT_EQ(world_.gateway.established.size(), 2U);
    EXPECT_EQ(world_.count("AT+CFUN=0"), 2U);
}

TEST_F(NodeTest, AWrongKeyIsTriedEverMoreSeldom) {
    world_.gateway.credentials.add({'n', 'o', 'd', 'e', '-', '0', '0', '0', '1'}, 2, Bytes(16, 0x77));
    world_.run(24 * kHour, [] { return false; });
    EXPECT_GE(world_.node->counts.handshakes_failed, 10U);
    EXPECT_LE(world_.node->counts.handshakes_failed, 40U);
    EXPECT_GE(world_.node->ring.count, 23U);
}

}  // namespace
}  // namespace narrowgate::firmware
