// SPDX-License-Identifier: Apache-2.0
//
// Nodes behind a NAT that forgets them, and attackers who saw every datagram: the session goes where its node
// goes, and nowhere else (P4), before a crash and after one.
#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::quick_node;
using testing::World;

// RFC 6347 section 4.1: where a record's sequence number ends.
constexpr std::size_t kLastSequenceByte = 10;

// Mappings live half as long as the nodes sleep, and the port of one is soon another's.
TEST(BehindANat, NodesThatSleepPastTheirMappingsGoOnFromEachOthersPorts) {
    sim::NatOptions nat;
    nat.timeout = seconds(30);
    nat.reuse = 1;
    World world({}, nat);
    std::vector<World::Node*> nodes;
    for (int i = 0; i < 8; ++i) {
        nodes.push_back(
            &world.add_node("wm-" + std::to_string(i), {.delay = milliseconds(50)}, quick_node()));
        nodes.back()->client.connect(world.clock.now());
    }
    world.run(seconds(5));
    for (int round = 0; round < 10; ++round) {
        world.run(seconds(60), true, seconds(1));
        std::ranges::rotate(nodes, nodes.begin() + 1);
        for (World::Node* node : nodes)
            node->client.measure(world.clock.now());
        if (round % 3 == 0) world.restart();
        world.run(seconds(3));
    }
    for (const World::Node* node : nodes) {
        EXPECT_EQ(node->client.counts().acked, 10u) << node->client.identity();
        EXPECT_EQ(node->client.counts().handshakes, 1u) << node->client.identity();
    }
    EXPECT_GT(world.nat().counts().reused, 40u);
}

// An attacker with everything that was ever on the wire, and addresses of its own. The parameter: whether the
// gateway crashes between the capture and the attack.
class AttackTest : public ::testing::TestWithParam<bool> {
protected:
    World world_;
    World::Node& node_ = world_.add_node("wm-0001", {}, quick_node());
    const Path thief_{world_.gateway, *Address::from_text("203.0.113.66:666")};

    AttackTest() {
        node_.client.connect(world_.clock.now());
        world_.run(seconds(1));
        for (int i = 0; i < 3; ++i)
            read();
    }
    void read() {
        node_.client.measure(world_.clock.now());
        world_.run(seconds(1));
    }
    void perhaps_crash() {
        if (GetParam()) world_.restart();
    }
    std::vector<Bytes> captured_uplinks() const {
        std::vector<Bytes> uplinks;
        for (const World::Captured& one : world_.captured) {
            if (one.direction == sim::Direction::kUp) uplinks.push_back(one.datagram);
        }
        return uplinks;
    }
    void attack(const Bytes& datagram) {
        world_.inject(thief_, datagram);
        world_.run(milliseconds(50));
    }
    // The session is where the node is, still serves it there, and the node has noticed nothing.
    void expect_nothing_moved(std::uint64_t readings) {
        ASSERT_EQ(world_.journal.sessions.size(), 1u);
        EXPECT_EQ(world_.journal.sessions.begin()->second.path.remote, world_.address_of(node_));
        EXPECT_EQ(world_.journal.readings.size(), readings);
        for (const World::Captured& one : world_.captured) {
            if (one.direction == sim::Direction::kDown && one.path.remote == thief_.remote) {
                EXPECT_EQ(one.datagram.at(4), 0) << "a protected answer to the attacker";
            }
        }
        read();
        EXPECT_EQ(node_.client.counts().acked, readings + 1);
        EXPECT_EQ(node_.client.counts().handshakes, 1u);
    }
};

TEST_P(AttackTest, ReplayedRecordsMoveNothing) {
    perhaps_crash();
    for (const Bytes& datagram : captured_uplinks())
        attack(datagram);
    expect_nothing_moved(3);
}

// A later number than any, on the last record and on each of its truncations and mutilations.
TEST_P(AttackTest, ForgedRecordsWithAnObservedConnectionIdMoveNothing) {
    perhaps_crash();
    Bytes forged = captured_uplinks().back();
    forged.at(kLastSequenceByte) = static_cast<std::uint8_t>(forged.at(kLastSequenceByte) + 10);
    for (std::size_t size = 0; size <= forged.size(); ++size)
        attack(Bytes(forged.begin(), forged.begin() + static_cast<std::ptrdiff_t>(size)));
    for (std::size_t i = kLastSequenceByte + 1; i < forged.size(); ++i) {
        Bytes flipped = forged;
        flipped[i] ^= 0x80;
        attack(flipped);
    }
    expect_nothing_moved(3);
}

// The client's flight that ends in its Finished, whole and record by record.
TEST_P(AttackTest, ACapturedFinishedMovesNothing) {
    perhaps_crash();
    unsigned attacks = 0;
    for (const Bytes& datagram : captured_uplinks()) {
        for (std::size_t at = 0; at + 13 <= datagram.size(); ++at) {
            // A protected record with number 0: what follows the ChangeCipherSpec.
            const Bytes tail(datagram.begin() + static_cast<std::ptrdiff_t>(at), datagram.end());
            if (tail[0] != 25 || tail[4] != 1 || tail[kLastSequenceByte] != 0) continue;
            attack(tail);
            attack(datagram);
            ++attacks;
        }
    }
    EXPECT_GE(attacks, 1u);
    expect_nothing_moved(3);
}

// The attacker keeps a record from the gateway, and lets it through when a newer one has come: it is
// authentic and was never seen, so its request is carried out, but the session stays where the newer one came
// from.
TEST_P(AttackTest, AnAuthenticRecordThatWasOvertakenMovesNothing) {
    node_.client.measure(world_.clock.now());
    const auto withheld = node_.client.next_datagram();
    ASSERT_TRUE(withheld);
    world_.run(seconds(5));  // the node sends again, in a newer record
    ASSERT_EQ(node_.client.counts().acked, 4u);
    perhaps_crash();
    attack(*withheld);
    ASSERT_EQ(world_.journal.sessions.size(), 1u);
    EXPECT_EQ(world_.journal.sessions.begin()->second.path.remote, world_.address_of(node_));
    EXPECT_EQ(world_.journal.readings.size(), 4u);
    read();
    EXPECT_EQ(node_.client.counts().acked, 5u);
}

INSTANTIATE_TEST_SUITE_P(BeforeAndAfterACrash, AttackTest, ::testing::Bool(),
                         [](const auto& param_info) { return param_info.param ? "After" : "Before"; });

}  // namespace
}  // namespace narrowgate::daemon
