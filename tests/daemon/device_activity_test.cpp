// SPDX-License-Identifier: Apache-2.0
//
// What a shard counts of a node is what the node itself has sent and got.
#include "daemon/care/device_activity.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::World;

sim::NodeOptions patient_node() {
    sim::NodeOptions options;
    options.coap.ack_timeout = seconds(2);
    return options;
}

class DeviceActivityTest : public ::testing::Test {
protected:
    World::Node& connected_node(const std::string& identity) {
        World::Node& node = world_.add_node(identity, {}, patient_node());
        node.client.connect(world_.clock.now());
        world_.run(seconds(1));
        EXPECT_TRUE(node.client.established());
        return node;
    }
    DeviceActivity taken(store::CredentialId credential) {
        Activities all = world_.ingress().take_activities();
        EXPECT_EQ(all.size(), 1U);
        EXPECT_EQ(all.at(0).first, credential);
        return all.at(0).second;
    }

    World world_;
};

TEST_F(DeviceActivityTest, ReadingsAreCountedByteForByte) {
    World::Node& node = connected_node("wm-0001");
    (void)world_.ingress().take_activities();
    const WallTime last = world_.clock.now().wall + seconds(4);
    for (int i = 0; i < 5; ++i) {
        node.client.measure(world_.clock.now());
        world_.run(seconds(1));
    }
    const DeviceActivity activity = taken(1);
    const sim::NodeCounts& counts = node.client.counts();
    ASSERT_EQ(counts.acked, 5U);
    EXPECT_EQ(activity.readings, 5U);
    EXPECT_EQ(activity.requests, 5U);
    EXPECT_EQ(activity.repeats, 0U);
    EXPECT_EQ(activity.handshakes, 0U);
    EXPECT_EQ(activity.bytes_up, counts.reading_up.udp_payload_bytes);
    EXPECT_EQ(activity.bytes_down, counts.reading_down.udp_payload_bytes);
    EXPECT_EQ(activity.datagrams, counts.reading_up.datagrams + counts.reading_down.datagrams);
    EXPECT_GE(activity.heard.wall, last);
    EXPECT_LT(activity.first, activity.heard.steady);
    EXPECT_TRUE(world_.ingress().take_activities().empty());
}

// But for the ClientHello without a cookie and its answer, which prove nothing yet.
TEST_F(DeviceActivityTest, AHandshakeIsCountedWithItsLastFlight) {
    World::Node& node = connected_node("wm-0001");
    const DeviceActivity activity = taken(1);
    const sim::NodeCounts& counts = node.client.counts();
    const auto up = world_.recorded.at(0).datagram.size();
    const auto down = world_.recorded.at(1).kind == sim::Recorded::Kind::kDown
                          ? world_.recorded.at(1).datagram.size()
                          : world_.recorded.at(2).datagram.size();
    EXPECT_EQ(activity.handshakes, 1U);
    EXPECT_EQ(activity.bytes_up, counts.handshake_up.udp_payload_bytes - up);
    EXPECT_EQ(activity.bytes_down, counts.handshake_down.udp_payload_bytes - down);
    EXPECT_EQ(activity.datagrams, counts.handshake_up.datagrams + counts.handshake_down.datagrams - 2);
    EXPECT_EQ(activity.readings, 0U);
}

// The commit takes longer than the node's patience.
TEST_F(DeviceActivityTest, RetransmissionsAreCounted) {
    World::Node& node = connected_node("wm-0001");
    (void)world_.ingress().take_activities();
    node.client.measure(world_.clock.now());
    world_.run(seconds(10), false);
    world_.run(seconds(1));
    const DeviceActivity activity = taken(1);
    ASSERT_GE(node.client.counts().retransmissions, 1U);
    EXPECT_EQ(activity.repeats, node.client.counts().retransmissions);
    EXPECT_EQ(activity.requests, 1U);
    EXPECT_EQ(activity.readings, 1U);
}

TEST_F(DeviceActivityTest, AnAddressThatMovesIsCounted) {
    World::Node& node = connected_node("wm-0001");
    (void)world_.ingress().take_activities();
    world_.rebind(node);
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    EXPECT_EQ(taken(1).address_moves, 1U);
}

// Strangers, and who replays what a node has sent (P5).
TEST_F(DeviceActivityTest, WhatIsNotAuthenticIsNotCounted) {
    World::Node& node = connected_node("wm-0001");
    node.client.measure(world_.clock.now());
    world_.run(seconds(1));
    (void)world_.ingress().take_activities();
    const auto captured = world_.captured;
    for (const World::Captured& one : captured) {
        if (one.direction != sim::Direction::kUp) continue;
        world_.inject(one.path, one.datagram);
        Bytes broken = one.datagram;
        broken.back() ^= 1;
        world_.inject(one.path, broken);
    }
    world_.run(seconds(1));
    EXPECT_TRUE(world_.ingress().take_activities().empty());
}

TEST(ActivityLogTest, EachNodeHasAPlaceOfItsOwnUntilAllIsTaken) {
    ActivityLog log;
    const Now now{};
    for (int round = 1; round <= 2; ++round) {
        for (int turn = 0; turn < 3; ++turn) {
            // Numbers that follow each other, and others that lie far apart.
            for (store::CredentialId credential = 1; credential <= 1'000; ++credential) {
                ++log.heard(credential, now).requests;
                ++log.answered(credential << 32, now).repeats;
            }
        }
        Activities all = log.take();
        ASSERT_EQ(all.size(), 2'000U);
        std::ranges::sort(all, {}, &Activities::value_type::first);
        for (std::size_t i = 0; i < 1'000; ++i) {
            EXPECT_EQ(all[i].first, i + 1);
            EXPECT_EQ(all[i].second.requests, 3U);
            EXPECT_EQ(all[1'000 + i].first, (i + 1) << 32);
            EXPECT_EQ(all[1'000 + i].second.repeats, 3U);
        }
        EXPECT_TRUE(log.take().empty());
    }
}

TEST(ActivityTest, WhatComesLaterIsAdded) {
    const SteadyTime start(std::chrono::hours(1));
    DeviceActivity activity{.bytes_up = 100, .handshakes = 1, .handshake = milliseconds(900), .first = start};
    activity.heard.steady = start;
    DeviceActivity later{.bytes_up = 10, .repeats = 1, .first = start + seconds(5)};
    later.heard.steady = start + seconds(7);
    activity.add(later);
    EXPECT_EQ(activity.bytes_up, 110U);
    EXPECT_EQ(activity.repeats, 1U);
    EXPECT_EQ(activity.handshake, milliseconds(900));
    EXPECT_EQ(activity.first, start);
    EXPECT_EQ(activity.heard.steady, start + seconds(7));
}

}  // namespace
}  // namespace narrowgate::daemon
