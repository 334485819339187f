// SPDX-License-Identifier: Apache-2.0
//
// The wall clock is wrong after a start, by ten years either way: a battery was empty, or NTP has not spoken
// yet. Sessions count running time, so nothing ends.
#include <gtest/gtest.h>

#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::World;

constexpr std::chrono::hours kTenYears{24 * 3652};

class ClockJumpTest : public ::testing::TestWithParam<int> {};

// Each start has another clock: first wrong, then right again, then wrong.
TEST_P(ClockJumpTest, BetweenTwoStartsEndsNothing) {
    dtls::Options gateway;
    gateway.shards = 2;
    World world(gateway);
    std::vector<World::Node*> nodes;
    for (int n = 0; n < 8; ++n) {
        sim::NodeOptions options;
        options.dtls.connection_id = n % 2 == 0;
        nodes.push_back(&world.add_node("wm-" + std::to_string(n), {}, options));
        nodes.back()->client.connect(world.clock.now());
    }
    world.run(seconds(2));
    ASSERT_EQ(world.sessions(), nodes.size());

    int direction = GetParam();
    for (unsigned start = 1; start <= 3; ++start, direction = -direction) {
        world.clock.jump_wall(direction * kTenYears);
        world.restart();
        EXPECT_EQ(world.sessions(), nodes.size());
        for (World::Node* node : nodes)
            node->client.measure(world.clock.now());
        world.run(seconds(2));
        for (const World::Node* node : nodes) {
            EXPECT_EQ(node->client.counts().acked, start) << node->client.identity();
            EXPECT_EQ(node->client.counts().retransmissions, 0u);
            EXPECT_EQ(node->client.counts().handshakes, 1u);
        }
    }
    EXPECT_EQ(world.ended(dtls::EndReason::kExpired), 0u);
    EXPECT_EQ(world.journal.sessions.size(), nodes.size());
}

INSTANTIATE_TEST_SUITE_P(Either, ClockJumpTest, ::testing::Values(1, -1));

}  // namespace
}  // namespace narrowgate::daemon
