// SPDX-License-Identifier: Apache-2.0
//
// A storm in virtual time: a site comes back, and every node wants to shake hands at once. Those that have a
// session do not notice (P2), and what the gateway cannot take now is asked for later, spread out.
#include <gtest/gtest.h>

#include <set>

#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::quick_node;
using testing::World;

World::Node& join(World& world, const std::string& identity) {
    World::Node& node = world.add_node(identity, {}, quick_node());
    node.client.connect(world.clock.now());
    return node;
}

// Two shards that admit two handshakes a second each, and ninety nodes that do not wait their turn.
TEST(StormTest, EveryUplinkOfAnEstablishedSessionIsAnsweredAtOnce) {
    dtls::Options gateway;
    gateway.shards = 2;
    World world(gateway, {}, 1, {.handshakes_per_second = 4, .handshake_burst = 10});
    std::vector<World::Node*> established;
    for (int n = 0; n < 10; ++n) {
        established.push_back(&join(world, "old-" + std::to_string(n)));
        world.run(seconds(1));
        ASSERT_TRUE(established.back()->client.established());
    }

    std::vector<World::Node*> storm;
    for (int n = 0; n < 90; ++n)
        storm.push_back(&join(world, "new-" + std::to_string(n)));
    constexpr int kRounds = 20;
    for (int round = 0; round < kRounds; ++round) {
        for (World::Node* node : established)
            node->client.measure(world.clock.now());
        world.run(milliseconds(500));
    }
    std::uint64_t not_admitted = 0;
    for (std::size_t shard = 0; shard < world.shards(); ++shard)
        not_admitted += world.ingress(shard).endpoint().counters().of(dtls::Fate::kHandshakeNotAdmitted);
    EXPECT_GT(not_admitted, 40u) << "there was no storm";
    for (const World::Node* node : established) {
        EXPECT_EQ(node->client.counts().acked, kRounds) << node->client.identity();
        EXPECT_EQ(node->client.counts().retransmissions, 0u);
        EXPECT_EQ(node->client.counts().handshakes, 1u);
    }
    std::size_t in = 0;
    for (const World::Node* node : storm)
        in += node->client.established() ? 1u : 0u;
    EXPECT_LT(in, storm.size()) << "the pace was not kept";

    for (int waited = 0; waited < 120 && world.sessions() < 100; ++waited)
        world.run(seconds(1));
    for (const World::Node* node : storm)
        EXPECT_TRUE(node->client.established()) << node->client.identity() << " never got in";
}

// The disk stands still, and more readings come than the gateway lets wait: the rest are put off by 5.03,
// each node by a time of its own, and none is lost.
TEST(StormTest, ReadingsBeyondWhatMayWaitArePutOffAndComeBackSpreadOut) {
    constexpr std::size_t kMayWait = 20;
    World world({}, {}, 1, {.overloaded_at = kMayWait});
    std::vector<World::Node*> nodes;
    for (int n = 0; n < 60; ++n) {
        nodes.push_back(&join(world, "wm-" + std::to_string(n)));
        world.run(milliseconds(100));
    }
    world.run(seconds(5));
    ASSERT_EQ(world.sessions(), nodes.size());

    for (World::Node* node : nodes)
        node->client.measure(world.clock.now());
    world.run(milliseconds(500), false);
    EXPECT_EQ(world.ingress().counters().overloaded, nodes.size() - kMayWait);
    world.run(seconds(1));
    EXPECT_EQ(world.journal.readings.size(), kMayWait);
    std::set<SteadyTime> again;
    for (const World::Node* node : nodes) {
        EXPECT_EQ(node->client.counts().acked + node->client.counts().deferred, 1u)
            << node->client.identity();
        if (node->client.counts().deferred > 0) again.insert(node->client.next_deadline().value());
    }
    // Forty nodes over five minutes by the second: equal ones are rare, and some are far apart.
    EXPECT_GT(again.size(), 30u);
    EXPECT_GT(*again.rbegin() - *again.begin(), Fleet().report_interval / 2);

    world.run(Fleet().report_interval + seconds(30), true, milliseconds(50));
    for (const World::Node* node : nodes)
        EXPECT_EQ(node->client.counts().acked, 1u) << node->client.identity();
    EXPECT_EQ(world.journal.readings.size(), nodes.size());
}

}  // namespace
}  // namespace narrowgate::daemon
