// SPDX-License-Identifier: Apache-2.0
//
// The uplink's whole path in virtual time, and what the promises say about it: durable before acknowledged
// (P1), no handshake after a crash (P2), nothing moved by who does not hold the keys (P4).
#include "daemon/ingress/ingress.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::quick_gateway;
using testing::quick_node;
using testing::World;

// (device, payload) of every stored reading; payloads hold a sequence number, so equal ones are doubles.
std::set<std::pair<std::string, Bytes>> distinct(
    const std::vector<testing::MemoryJournal::Reading>& readings) {
    std::set<std::pair<std::string, Bytes>> set;
    for (const auto& reading : readings)
        set.emplace(reading.device, reading.payload);
    return set;
}

class IngressTest : public ::testing::Test {
protected:
    World world_{quick_gateway()};

    World::Node& connected_node(const std::string& identity) {
        World::Node& node = world_.add_node(identity, {}, quick_node());
        node.client.connect(world_.clock.now());
        world_.run(seconds(1));
        EXPECT_TRUE(node.client.established());
        return node;
    }
};

TEST_F(IngressTest, AcknowledgesNoReadingBeforeItsCommit) {
    World::Node& node = connected_node("wm-0001");
    node.client.measure(world_.clock.now());
    world_.run(milliseconds(500), false);
    EXPECT_EQ(node.client.counts().acked, 0u);
    EXPECT_TRUE(world_.journal.readings.empty());
    world_.run(milliseconds(100));
    EXPECT_EQ(node.client.counts().acked, 1u);
    ASSERT_EQ(world_.journal.readings.size(), 1u);
    EXPECT_EQ(world_.journal.readings[0].device, "wm-0001");
}

TEST_F(IngressTest, SaysHowFullItIs) {
    World::Node& node = connected_node("wm-0001");
    const auto used = [this](const char* pool) { return world_.ingress().pools().at(pool).used; };
    EXPECT_EQ(used("handshakes"), 0u);
    EXPECT_EQ(world_.ingress().pools().at("handshakes").capacity, dtls::Options().max_handshakes);
    EXPECT_EQ(world_.ingress().pools().at("commits"),
              (PoolLoad{.used = 0, .capacity = AdmissionLimits().overloaded_at}));
    node.client.measure(world_.clock.now());
    world_.run(milliseconds(500), false);
    EXPECT_EQ(used("commits"), 1u);
    EXPECT_EQ(used("exchanges"), 1u);
    EXPECT_EQ(used("exchange_reply_bytes"), 0u) << "nothing is answered yet";
    world_.run(milliseconds(100));
    EXPECT_EQ(used("commits"), 0u);
    EXPECT_EQ(used("exchanges"), 1u) << "a repeat may still come";
    EXPECT_GT(used("exchange_reply_bytes"), 0u);
    EXPECT_EQ(used("block_transfers"), 0u);
}

// The commit takes longer than the node's patience: its retransmissions are swallowed, one reply comes.
TEST_F(IngressTest, ASlowCommitStoresAReadingOnce) {
    World::Node& node = connected_node("wm-0001");
    node.client.measure(world_.clock.now());
    world_.run(seconds(10), false);
    EXPECT_GE(node.client.counts().retransmissions, 1u);
    world_.run(seconds(1));
    EXPECT_EQ(node.client.counts().acked, 1u);
    EXPECT_EQ(world_.journal.readings.size(), 1u);
}

TEST_F(IngressTest, AHandshakeIsNotFinishedBeforeTheSessionIsDurable) {
    World::Node& node = world_.add_node("wm-0001", {}, quick_node());
    node.client.connect(world_.clock.now());
    world_.run(milliseconds(900), false);
    EXPECT_FALSE(node.client.established());
    EXPECT_TRUE(world_.journal.sessions.empty());
    world_.run(milliseconds(500));
    EXPECT_TRUE(node.client.established());
    EXPECT_EQ(world_.journal.sessions.size(), 1u);
}

// The acknowledgement is lost in the crash, the reading is not: the retransmission gets the stored reply.
TEST_F(IngressTest, ARetransmissionAfterACrashIsAnsweredFromTheCommit) {
    World::Node& node = connected_node("wm-0001");
    node.client.measure(world_.clock.now());
    world_.turn();
    (void)world_.journal.commit();  // on disk, and the process dies before it can say so
    world_.restart();
    world_.run(seconds(8));
    EXPECT_EQ(node.client.counts().acked, 1u);
    EXPECT_EQ(world_.journal.readings.size(), 1u);
    EXPECT_EQ(node.client.counts().handshakes, 1u);
}

TEST_F(IngressTest, ASessionGoesOnAfterACrashFromAnotherAddress) {
    World::Node& node = connected_node("wm-0001");
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    world_.restart();
    world_.rebind(node);
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    EXPECT_EQ(node.client.counts().acked, 2u);
    EXPECT_EQ(node.client.counts().handshakes, 1u);
    EXPECT_EQ(world_.journal.sessions.begin()->second.path.remote, world_.address_of(node));
}

// The attacker has seen every datagram, and sends each again from an address of its own: before a crash,
// after one, and in reverse.
TEST_F(IngressTest, CapturedDatagramsFromElsewhereMoveAndStoreNothing) {
    World::Node& node = connected_node("wm-0001");
    for (int i = 0; i < 5; ++i) {
        node.client.measure(world_.clock.now());
        world_.run(seconds(1));
    }
    const Path thief{world_.gateway, *Address::from_text("203.0.113.66:666")};
    const auto attack = [&] {
        auto captured = world_.captured;
        for (const auto& one : captured)
            world_.inject(thief, one.datagram);
        std::reverse(captured.begin(), captured.end());
        for (const auto& one : captured)
            world_.inject(thief, one.datagram);
        world_.run(seconds(1));
    };
    attack();
    world_.restart();
    attack();
    EXPECT_EQ(world_.journal.readings.size(), 5u);
    ASSERT_EQ(world_.journal.sessions.size(), 1u);
    EXPECT_EQ(world_.journal.sessions.begin()->second.path.remote, world_.address_of(node));
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    EXPECT_EQ(node.client.counts().acked, 6u);
    EXPECT_EQ(node.client.counts().handshakes, 1u);
}

TEST_F(IngressTest, AFullStoreDefersTheReadingAndKeepsTheSession) {
    World::Node& node = connected_node("wm-0001");
    world_.journal.full = true;
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    EXPECT_EQ(node.client.counts().deferred, 1u);
    EXPECT_EQ(node.client.counts().acked, 0u);
    EXPECT_EQ(world_.ingress().counters().readings_refused, 1u);
    world_.journal.full = false;
    // Told to come back after 60 s, and up to the fleet's interval later: not all nodes at once.
    world_.run(seconds(70) + Fleet{}.report_interval, true, seconds(1));
    EXPECT_EQ(node.client.counts().acked, 1u);
    EXPECT_EQ(world_.journal.readings.size(), 1u);
    EXPECT_EQ(node.client.counts().handshakes, 1u);
}

TEST_F(IngressTest, AFailedCommitHasNoEffectAndTheRetransmissionIsTriedAnew) {
    World::Node& node = connected_node("wm-0001");
    world_.journal.failing = true;
    node.client.measure(world_.clock.now());
    world_.run(milliseconds(500));
    EXPECT_EQ(node.client.counts().acked, 0u);
    EXPECT_GE(world_.ingress().counters().commits_failed, 1u);
    world_.journal.failing = false;
    world_.run(seconds(10));
    EXPECT_EQ(node.client.counts().acked, 1u);
    EXPECT_EQ(world_.journal.readings.size(), 1u);
}

// One reading a minute: the one that could not be written does not count, or its retransmission would be told
// to wait.
TEST_F(IngressTest, AFailedCommitUsesUpNothingOfTheRateLimit) {
    Fleet fleet;
    fleet.name = "water-meters";
    fleet.max_readings_per_minute = 1;
    fleet.routes.push_back({*coap::PathPattern::parse("telemetry"), "aws", "dt/{device}"});
    world_.ingress().set_policies(std::make_shared<const Policies>(
        std::vector{fleet}, std::map<std::string, store::UpstreamId>{{"aws", 0}}));
    World::Node& node = connected_node("wm-0001");
    world_.journal.failing = true;
    node.client.measure(world_.clock.now());
    world_.run(milliseconds(500));
    EXPECT_GE(world_.ingress().counters().commits_failed, 1u);
    world_.journal.failing = false;
    world_.journal.full_queue = true;
    world_.run(seconds(4));
    EXPECT_GE(world_.ingress().counters().journal_full, 1u);
    world_.journal.full_queue = false;
    world_.run(seconds(15));
    EXPECT_EQ(node.client.counts().acked, 1u);
    EXPECT_EQ(node.client.counts().deferred, 0u);
}

TEST_F(IngressTest, AFullQueueDropsTheRecordAndTheNodeSendsAgain) {
    World::Node& node = connected_node("wm-0001");
    world_.journal.full_queue = true;
    node.client.measure(world_.clock.now());
    world_.run(milliseconds(500));
    EXPECT_EQ(world_.ingress().counters().journal_full, 1u);
    world_.journal.full_queue = false;
    world_.run(seconds(10));
    EXPECT_EQ(node.client.counts().acked, 1u);
}

TEST_F(IngressTest, ARevokedDeviceIsSilencedAtOnceAndStaysSo) {
    World::Node& node = connected_node("wm-0001");
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    world_.directory().remove(std::vector<store::CredentialId>{1});
    world_.ingress().end_sessions_of(1, world_.clock.now());
    node.client.measure(world_.clock.now());
    world_.run(seconds(5));
    EXPECT_EQ(node.client.counts().acked, 1u);
    EXPECT_TRUE(world_.journal.sessions.empty());
    world_.restart();
    world_.run(seconds(5));
    EXPECT_EQ(world_.journal.readings.size(), 1u);
}

// A reading and its session are under way when the device is revoked: neither may come back with a crash.
TEST_F(IngressTest, ASessionRevokedWhileItsCommitIsUnderWayDoesNotSurvive) {
    World::Node& node = world_.add_node("wm-0001", {}, quick_node());
    node.client.connect(world_.clock.now());
    world_.run(milliseconds(900), false);
    ASSERT_FALSE(world_.journal.idle());
    world_.directory().remove(std::vector<store::CredentialId>{1});
    world_.ingress().end_sessions_of(1, world_.clock.now());
    world_.run(seconds(1));
    EXPECT_FALSE(node.client.established());
    EXPECT_TRUE(world_.journal.sessions.empty());
}

TEST_F(IngressTest, ARebootedNodeReplacesItsSessionOnlyWhenTheNewOneIsUsed) {
    World::Node& node = connected_node("wm-0001");
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    const auto first = world_.journal.sessions.begin()->first;
    node.client.connect(world_.clock.now());
    world_.run(seconds(5));
    ASSERT_TRUE(node.client.established());
    EXPECT_EQ(world_.journal.sessions.size(), 2u);
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    EXPECT_EQ(node.client.counts().acked, 2u);
    ASSERT_EQ(world_.journal.sessions.size(), 1u);
    EXPECT_NE(world_.journal.sessions.begin()->first, first);
}

// Every mark says again that the session is confirmed; else a crash would make it one that the next
// handshake, used or not, ends.
TEST_F(IngressTest, AUsedSessionIsStillTheUsedOneAfterACrash) {
    World::Node& node = connected_node("wm-0001");
    for (int i = 0; i < 2; ++i) {
        node.client.measure(world_.clock.now());
        world_.run(seconds(1));
    }
    const auto used = world_.journal.sessions.begin()->first;
    world_.restart();
    node.client.connect(world_.clock.now());
    world_.run(seconds(5));
    ASSERT_TRUE(node.client.established());
    EXPECT_EQ(world_.journal.sessions.size(), 2u);
    EXPECT_TRUE(world_.journal.sessions.contains(used));
}

// Many lives of one fleet: lossy links, lost NAT bindings and crashes at moments drawn from a seed. Whatever
// happens, what was acknowledged is stored, nothing is stored twice, and no node shakes hands again once it
// has seen a session.
class IngressLifeTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(IngressLifeTest, CrashesAndBadLinksLoseNothingAndCostNoHandshake) {
    std::mt19937 random(GetParam());
    World world(quick_gateway());
    const sim::LinkOptions bad{.delay = milliseconds(40),
                               .jitter = milliseconds(60),
                               .loss = 0.1,
                               .duplication = 0.1,
                               .reorder = 0.05};
    std::vector<World::Node*> nodes;
    for (int i = 0; i < 4; ++i) {
        nodes.push_back(&world.add_node("wm-" + std::to_string(i), bad, quick_node()));
        nodes.back()->client.connect(world.clock.now());
    }
    for (int step = 0; step < 6000; ++step) {
        world.turn();
        // A commit may end just before the crash, so that its completions are never heard of.
        if (random() % 3 != 0) world.commit();
        if (random() % 150 == 0) {
            if (random() % 2 == 0) (void)world.journal.commit();
            world.restart();
        }
        World::Node& node = *nodes[random() % nodes.size()];
        if (random() % 200 == 0) world.rebind(node);
        if (random() % 100 == 0) node.client.measure(world.clock.now());
        world.clock.advance(milliseconds(10));
    }
    world.run(seconds(300), true, milliseconds(50));

    std::uint64_t acked = 0;
    for (World::Node* node : nodes) {
        EXPECT_EQ(node->client.waiting(), 0u) << node->client.identity();
        EXPECT_EQ(node->client.counts().handshakes, 1u) << node->client.identity();
        acked += node->client.counts().acked;
    }
    EXPECT_GT(acked, 20u);
    const auto stored = distinct(world.journal.readings);
    EXPECT_EQ(stored.size(), world.journal.readings.size());
    EXPECT_GE(stored.size(), acked);
}

INSTANTIATE_TEST_SUITE_P(Seeds, IngressLifeTest, ::testing::Range(1u, 13u));

}  // namespace
}  // namespace narrowgate::daemon
