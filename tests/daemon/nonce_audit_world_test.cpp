// SPDX-License-Identifier: Apache-2.0
//
// Hundreds of lives of a small fleet in virtual time: crashes, commits that fail, mappings that are lost or
// go to another node, replays. In each, an observer of every datagram finds no nonce used twice (P3), no node
// shakes hands again (P2), and nothing that was acknowledged is lost or stored twice (P1).
#include "sim/nonce_audit.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::World;

constexpr unsigned kNodes = 4;
constexpr unsigned kSeedsATest = 40;

sim::NodeOptions audited_node(bool connection_id) {
    sim::NodeOptions options = testing::quick_node();
    options.dtls.connection_id = connection_id;
    // No exchange is given up, so no reading may be stored twice.
    options.coap.max_retransmit = 12;
    return options;
}

// Leases of a few numbers only: their ends are met often, and every crash goes on at one.
dtls::Options audited_gateway() {
    dtls::Options options = testing::quick_gateway();
    options.lease_block = 8;
    return options;
}

sim::NatOptions hostile_nat() {
    sim::NatOptions options;
    options.ports = 16;
    options.replay = 0.1;
    options.replay_after_max = seconds(10);
    return options;
}

const sim::LinkOptions kBadLink{
    .delay = milliseconds(40), .jitter = milliseconds(60), .loss = 0.05, .duplication = 0.1, .reorder = 0.05};

struct Life {
    explicit Life(unsigned seed, bool connection_ids)
        : random(seed), with_cid(connection_ids), world(audited_gateway(), hostile_nat(), seed) {}

    std::mt19937 random;
    bool with_cid;
    World world;
    std::vector<World::Node*> nodes;
    unsigned crashes = 0;

    bool one_in(unsigned n) { return random() % n == 0; }

    void disorder() {
        for (unsigned i = 0; i < kNodes; ++i) {
            nodes.push_back(&world.add_node("wm-" + std::to_string(i), kBadLink, audited_node(with_cid)));
            nodes.back()->client.connect(world.clock.now());
        }
        for (int step = 0; step < 3'000; ++step) {
            world.journal.failing = one_in(20);
            world.turn();
            if (!one_in(3)) world.commit();
            if (one_in(100)) {
                // The commit may end just before the crash, so that its completions are never heard of.
                if (one_in(2)) (void)world.journal.commit();
                world.restart();
                ++crashes;
            }
            World::Node& node = *nodes[random() % nodes.size()];
            if (with_cid && one_in(100)) world.rebind(node);
            if (one_in(40)) node.client.measure(world.clock.now());
            world.clock.advance(milliseconds(10));
        }
        world.journal.failing = false;
        world.run(seconds(300), true, milliseconds(50));
    }

    void check_promises() {
        std::uint64_t acked = 0;
        for (const World::Node* node : nodes) {
            EXPECT_EQ(node->client.waiting(), 0u) << node->client.identity();
            EXPECT_EQ(node->client.counts().handshakes, 1u) << node->client.identity();
            acked += node->client.counts().acked;
        }
        std::set<std::pair<std::string, Bytes>> stored;
        for (const auto& reading : world.journal.readings)
            stored.emplace(reading.device, reading.payload);
        EXPECT_EQ(stored.size(), world.journal.readings.size());
        EXPECT_GE(stored.size(), acked);
        EXPECT_GT(acked, 20u);
        EXPECT_GT(crashes, 5u);
    }
};

// What all lives of one test came to: an audit of too little would mean nothing.
struct Sum {
    sim::NonceAuditCounts audit;
    std::uint64_t rebound = 0, reused = 0, replayed = 0;

    void add(Life& life) {
        // Here the gateway answers within a few steps, or not at all.
        sim::NonceAudit one({.hand_over = seconds(1)});
        for (const sim::Recorded& recorded : life.world.recorded)
            one.examine(recorded);
        for (const sim::NonceCollision& collision : one.collisions())
            ADD_FAILURE() << collision.session << ": number " << collision.number << " twice";
        EXPECT_EQ(one.counts().unreadable, 0u);
        audit.records_up += one.counts().records_up;
        audit.records_down += one.counts().records_down;
        audit.sessions_up += one.counts().sessions_up;
        audit.sessions_down += one.counts().sessions_down;
        audit.unattributable += one.counts().unattributable;
        const sim::NatCounts& nat = life.world.nat().counts();
        rebound += nat.rebound;
        reused += nat.reused;
        replayed += nat.replayed + nat.spoofed;
        // Accepted once it may be, if the gateway lost the original in a crash or by a failed commit.
        EXPECT_EQ(nat.replays_answered_again, 0u);
    }
};

// Ten tests of 40 seeds each, so that one that fails names its seeds.
class NonceAuditWorldTest : public ::testing::TestWithParam<unsigned> {
protected:
    Sum live(bool connection_ids) {
        Sum sum;
        for (unsigned seed = GetParam(); seed < GetParam() + kSeedsATest; ++seed) {
            SCOPED_TRACE("seed " + std::to_string(seed));
            Life life(seed, connection_ids);
            life.disorder();
            life.check_promises();
            sum.add(life);
        }
        EXPECT_GT(sum.audit.records_up, kSeedsATest * 50u);
        EXPECT_GT(sum.audit.records_down, kSeedsATest * 50u);
        EXPECT_GE(sum.audit.sessions_up, kSeedsATest * kNodes);
        EXPECT_GE(sum.audit.sessions_down, kSeedsATest * kNodes);
        EXPECT_GT(sum.replayed, kSeedsATest * 10u);
        return sum;
    }
};

TEST_P(NonceAuditWorldTest, NoNumberIsSealedTwiceWhereverNodesSpeakFrom) {
    const Sum sum = live(true);
    EXPECT_GT(sum.rebound, kSeedsATest * 5u);
    EXPECT_GT(sum.reused, kSeedsATest * 2u);
}

TEST_P(NonceAuditWorldTest, NoNumberIsSealedTwiceInSessionsThatAreBoundToAnAddress) {
    const Sum sum = live(false);
    EXPECT_EQ(sum.rebound, 0u);
    EXPECT_EQ(sum.audit.unattributable, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, NonceAuditWorldTest, ::testing::Range(1u, 201u, kSeedsATest));

}  // namespace
}  // namespace narrowgate::daemon
