// SPDX-License-Identifier: Apache-2.0
//
// What a shard remembers of its nodes' messages: of whom, how many, in which order, and as what.
#include "daemon/ingress/exchange_log.hpp"

#include <gtest/gtest.h>

#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::World;

constexpr store::CredentialId kOne = 1;
constexpr store::CredentialId kAnother = 2;

Exchange exchange_at(milliseconds arrived, std::uint16_t mid, store::CredentialId credential = kOne) {
    return {.arrived = SteadyTime(arrived), .credential = credential, .session = 7, .mid = mid};
}

Exchange duplicate_at(milliseconds arrived, std::uint16_t mid, coap::MessageFate fate) {
    Exchange exchange = exchange_at(arrived, mid);
    exchange.message = fate;
    return exchange;
}

std::vector<DeviceExchange> last_of(const ExchangeLog& log, store::CredentialId credential,
                                    std::size_t count = kMostExchanges) {
    return log.last_of(std::array{credential}, count);
}

TEST(ExchangeLogTest, KeepsTheLastOnesWhenItIsFull) {
    constexpr std::size_t kTooMany = 7;
    ExchangeLog log;
    for (std::size_t n = 0; n < ExchangeLog::kKept + kTooMany; ++n)
        log.add(exchange_at(milliseconds(n), static_cast<std::uint16_t>(n)));
    const auto kept = last_of(log, kOne, 2 * ExchangeLog::kKept);
    ASSERT_EQ(kept.size(), ExchangeLog::kKept);
    for (std::size_t i = 0; i < kept.size(); ++i)
        ASSERT_EQ(kept[i].arrived, SteadyTime(milliseconds(ExchangeLog::kKept + kTooMany - 1 - i)));
}

TEST(ExchangeLogTest, TellsOfTheDeviceAloneNewestFirstAndNoMoreThanWasAsked) {
    ExchangeLog log;
    for (int n = 0; n < 30; ++n)
        log.add(exchange_at(milliseconds(n), static_cast<std::uint16_t>(n), n % 3 == 0 ? kAnother : kOne));
    const auto last = last_of(log, kAnother, 4);
    ASSERT_EQ(last.size(), 4U);
    for (std::size_t i = 0; i < last.size(); ++i) {
        EXPECT_EQ(last[i].credential, kAnother);
        EXPECT_EQ(last[i].arrived, SteadyTime(milliseconds(27 - 3 * i)));
    }
    EXPECT_EQ(last_of(log, kOne).size(), 20U);
    EXPECT_EQ(log.last_of(std::array{kOne, kAnother}, kMostExchanges).size(), 30U);
    EXPECT_TRUE(last_of(log, 3).empty());
    EXPECT_TRUE(last_of(log, kOne, 0).empty());
}

TEST(ExchangeLogTest, CountsDuplicatesWithWhatTheyRepeat) {
    ExchangeLog log;
    log.add(duplicate_at(milliseconds(2), 5, coap::MessageFate::kDuplicateInProgress));
    log.add(exchange_at(milliseconds(1), 5));  // was settled after its first duplicate came
    log.add(exchange_at(milliseconds(3), 6));
    log.add(duplicate_at(milliseconds(4), 5, coap::MessageFate::kDuplicateAnswered));
    log.add(exchange_at(milliseconds(5), 5));  // the message ID again, for another message
    log.add(duplicate_at(milliseconds(6), 5, coap::MessageFate::kDuplicateAnswered));
    const auto last = last_of(log, kOne);
    ASSERT_EQ(last.size(), 3U);
    EXPECT_EQ(last[0].repeats, 1U);
    EXPECT_EQ(last[1].repeats, 0U);
    EXPECT_EQ(last[2].repeats, 2U);
}

TEST(ExchangeLogTest, ADuplicateStandsForWhatIsKeptNoMore) {
    ExchangeLog log;
    for (int n = 0; n < 3; ++n)
        log.add(duplicate_at(milliseconds(n), 5, coap::MessageFate::kDuplicateAnswered));
    const auto last = last_of(log, kOne);
    ASSERT_EQ(last.size(), 1U);
    EXPECT_EQ(fate_of(last[0]), "duplicate_answered");
    EXPECT_EQ(last[0].repeats, 2U);
}

TEST(ExchangeLogTest, CutsAPathWhereACharacterEnds) {
    ExchangeLog log;
    const auto told = [&log](std::string_view path) {
        Exchange exchange = exchange_at(milliseconds(1), 1);
        exchange.set_path(*coap::UriPath::of(path));
        log = {};
        log.add(exchange);
        return last_of(log, kOne)[0];
    };
    EXPECT_EQ(told("a/b").path, "a/b");
    EXPECT_FALSE(told("a/b").path_cut);
    EXPECT_EQ(told("").path, "");
    const std::string fits(Exchange::kPathBytes, 'x');
    EXPECT_EQ(told(fits).path, fits);
    EXPECT_FALSE(told(fits).path_cut);
    EXPECT_EQ(told(fits + "/y").path, fits);
    EXPECT_TRUE(told(fits + "/y").path_cut);
    const std::string last_in_two = std::string(Exchange::kPathBytes - 1, 'x') + "\u00e9";
    EXPECT_EQ(told(last_in_two).path, std::string(Exchange::kPathBytes - 1, 'x'));
    EXPECT_TRUE(told(last_in_two).path_cut);
}

class ExchangesOfNodesTest : public ::testing::Test {
protected:
    World::Node& connected_node() {
        World::Node& node = world_.add_node("wm-0001");
        node.client.connect(world_.clock.now());
        world_.run(seconds(1));
        EXPECT_TRUE(node.client.established());
        return node;
    }

    World world_;
};

TEST_F(ExchangesOfNodesTest, AReadingIsToldOfWithItsAnswer) {
    World::Node& node = connected_node();
    EXPECT_TRUE(last_of(world_.ingress().exchanges(), kOne).empty());
    const SteadyTime before = world_.clock.now().steady;
    node.client.measure(world_.clock.now());
    world_.run(milliseconds(200), false);
    EXPECT_TRUE(last_of(world_.ingress().exchanges(), kOne).empty()) << "it is not durable yet";
    world_.run(seconds(1));
    const auto last = last_of(world_.ingress().exchanges(), kOne);
    ASSERT_EQ(last.size(), 1U);
    EXPECT_GE(last[0].arrived, before);
    EXPECT_EQ(last[0].method, coap::Code::kPost);
    EXPECT_EQ(last[0].path, "telemetry");
    EXPECT_EQ(last[0].code, coap::Code::kChanged);
    EXPECT_EQ(fate_of(last[0]), "answered");
    EXPECT_GE(last[0].took, milliseconds(100)) << "the commit is in it";
    EXPECT_GT(last[0].request_bytes, last[0].response_bytes);
    EXPECT_GT(last[0].response_bytes, 0U);
    EXPECT_EQ(last[0].repeats, 0U);
}

TEST_F(ExchangesOfNodesTest, RetransmissionsDuringASlowCommitAreCounted) {
    World::Node& node = connected_node();
    node.client.measure(world_.clock.now());
    world_.run(seconds(20), false);
    world_.run(seconds(1));
    ASSERT_GE(node.client.counts().retransmissions, 1U);
    const auto last = last_of(world_.ingress().exchanges(), kOne);
    ASSERT_EQ(last.size(), 1U);
    EXPECT_EQ(last[0].repeats, node.client.counts().retransmissions);
}

TEST_F(ExchangesOfNodesTest, ARequestThatIsRefusedSaysByWhat) {
    sim::NodeOptions options;
    options.resource = "nothing/here";
    World::Node& node = world_.add_node("wm-0001", {}, options);
    node.client.connect(world_.clock.now());
    world_.run(seconds(1));
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    const auto last = last_of(world_.ingress().exchanges(), kOne);
    ASSERT_EQ(last.size(), 1U);
    EXPECT_EQ(last[0].path, "nothing/here");
    EXPECT_EQ(last[0].code, coap::Code::kNotFound);
    EXPECT_EQ(fate_of(last[0]), "refused");
}

TEST_F(ExchangesOfNodesTest, WhatTheStoreCannotTakeIsToldOfToo) {
    World::Node& node = connected_node();
    const auto newest_fate = [this] {
        const auto last = last_of(world_.ingress().exchanges(), kOne);
        return last.empty() ? "none" : std::string(fate_of(last[0]));
    };
    node.client.measure(world_.clock.now());
    world_.journal.full_queue = true;
    world_.run(seconds(1));
    EXPECT_EQ(newest_fate(), "queue_full");
    world_.journal.full_queue = false;
    world_.journal.failing = true;
    for (int turn = 0; turn < 60 && newest_fate() == "queue_full"; ++turn)
        world_.run(seconds(1));
    EXPECT_EQ(newest_fate(), "commit_failed");
    world_.journal.failing = false;
    world_.journal.full = true;
    for (int turn = 0; turn < 60 && newest_fate() == "commit_failed"; ++turn)
        world_.run(seconds(1));
    EXPECT_EQ(newest_fate(), "store_full");
    EXPECT_EQ(last_of(world_.ingress().exchanges(), kOne)[0].code, coap::Code::kServiceUnavailable);
}

}  // namespace
}  // namespace narrowgate::daemon
