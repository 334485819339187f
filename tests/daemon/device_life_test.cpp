// SPDX-License-Identifier: Apache-2.0
//
// Rotations carried out by nodes, and what the gateway writes down of handshakes and of how sessions end,
// over two shards in virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/devices/handshake_reasons.hpp"
#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::quick_node;
using ::testing::SizeIs;
using testing::World;

dtls::Options two_shards() {
    dtls::Options options = testing::quick_gateway();
    options.session_lifetime = std::chrono::hours(1);
    options.shards = 2;
    return options;
}

class DeviceLifeTest : public ::testing::Test {
protected:
    // Credential `id` is the number of the node in order of coming.
    World::Node& node(const std::string& identity) { return world_.add_node(identity, {}, quick_node()); }
    void connect(World::Node& node) {
        node.client.connect(world_.clock.now());
        world_.run(seconds(1));
        ASSERT_TRUE(node.client.established());
    }
    void measure(World::Node& node) {
        node.client.measure(world_.clock.now());
        world_.run(seconds(1));
    }
    // The second node is what the first one is after its provisioning: the same device with credential 2,
    // which takes the place of credential 1.
    World::Node& rotated() {
        World::Node& next = node("wm-0001#2");
        store::CredentialRow row;
        row.id = 2;
        row.identity = "wm-0001#2";
        row.device = "wm-0001";
        row.fleet = "water-meters";
        row.psk = Secret(Bytes(16, 2));
        row.replaces = 1;
        world_.directory().add(std::move(row));
        return next;
    }
    DevicePast past() const {
        store::Device device;
        device.name = "wm-0001";
        for (const store::CredentialId id : {1, 2}) {
            store::CredentialInfo credential;
            credential.id = id;
            credential.identity = id == 1 ? "wm-0001" : "wm-0001#2";
            credential.replaces = id - 1;
            device.credentials.push_back(std::move(credential));
        }
        return explain_past(device, world_.journal.events);
    }

    World world_{two_shards()};
};

TEST_F(DeviceLifeTest, BothCredentialsWorkUntilTheFirstRecordOfTheNewOneIsDurable) {
    World::Node& old = node("wm-0001");
    connect(old);
    measure(old);
    World::Node& next = rotated();
    connect(next);
    // A handshake alone proves that somebody has the key, not that the node will go on with it.
    EXPECT_THAT(world_.journal.retired, IsEmpty());
    measure(old);
    EXPECT_EQ(old.client.counts().acked, 2U);

    next.client.measure(world_.clock.now());
    world_.run(milliseconds(500), false);
    EXPECT_TRUE(world_.directory().owner_of(1)) << "retired before the commit";
    world_.run(seconds(1));
    EXPECT_EQ(next.client.counts().acked, 1U);
    EXPECT_THAT(world_.journal.retired, ElementsAre(1U));
    EXPECT_FALSE(world_.directory().owner_of(1));
    EXPECT_EQ(world_.sessions(), 1U);
    EXPECT_THAT(world_.journal.sessions, SizeIs(1));

    // The old one is dead in every shard: neither its session nor a new handshake get anything.
    const std::size_t readings = world_.journal.readings.size();
    old.client.measure(world_.clock.now());
    world_.run(seconds(30));
    EXPECT_EQ(world_.journal.readings.size(), readings);
    old.client.connect(world_.clock.now());
    world_.run(seconds(30));
    EXPECT_FALSE(old.client.established());
}

// A commit that fails must leave the old credential as it was.
TEST_F(DeviceLifeTest, ARotationWhoseCommitFailedIsCompletedByTheNextRecord) {
    connect(node("wm-0001"));
    World::Node& next = rotated();
    connect(next);
    world_.journal.failing = true;
    next.client.measure(world_.clock.now());
    world_.run(seconds(1));
    EXPECT_TRUE(world_.directory().owner_of(1));
    world_.journal.failing = false;
    world_.run(seconds(10));
    EXPECT_EQ(next.client.counts().acked, 1U);
    EXPECT_THAT(world_.journal.retired, ElementsAre(1U));
    EXPECT_FALSE(world_.directory().owner_of(1));
    measure(next);
    EXPECT_THAT(world_.journal.retired, SizeIs(1)) << "a rotation ends once";
}

TEST_F(DeviceLifeTest, EachHandshakeIsWrittenDownWithItsSession) {
    World::Node& first = node("wm-0001");
    connect(first);
    const DevicePast once = past();
    ASSERT_THAT(once.handshakes, SizeIs(1));
    const HandshakeEvent& handshake = once.handshakes[0].handshake;
    EXPECT_EQ(once.handshakes[0].reason, HandshakeReason::kFirst);
    EXPECT_EQ(handshake.session, world_.journal.sessions.begin()->first);
    EXPECT_EQ(handshake.credential, 1U);
    EXPECT_EQ(handshake.remote, world_.address_of(first));
    EXPECT_TRUE(handshake.with_cid);
    EXPECT_EQ(handshake.suite, static_cast<std::uint16_t>(dtls::CipherSuite::kPskAes128Ccm8));
    EXPECT_GT(handshake.bytes_in, 100U);
    EXPECT_GT(handshake.bytes_out, 50U);
    EXPECT_EQ(handshake.flights_again, 0U);
}

TEST_F(DeviceLifeTest, ANodeThatWasResetIsToldFromOneThatNeverUsedItsSession) {
    World::Node& first = node("wm-0001");
    connect(first);
    connect(first);
    EXPECT_EQ(past().handshakes.at(0).reason, HandshakeReason::kNeverUsed);
    measure(first);
    connect(first);
    EXPECT_EQ(past().handshakes.at(0).reason, HandshakeReason::kGatewayHadOne);
    EXPECT_EQ(past().handshakes.size(), 3U);
}

TEST_F(DeviceLifeTest, SilenceAndRotationExplainTheHandshakeAfterThem) {
    World::Node& first = node("wm-0001");
    connect(first);
    measure(first);
    world_.run(std::chrono::hours(2), true, seconds(10));
    EXPECT_EQ(world_.sessions(), 0U);
    EXPECT_EQ(past().ended, SessionEnd::kExpired);
    connect(first);
    EXPECT_EQ(past().handshakes.at(0).reason, HandshakeReason::kExpired);
    measure(first);
    World::Node& next = rotated();
    connect(next);
    EXPECT_EQ(past().handshakes.at(0).reason, HandshakeReason::kRotated);
    EXPECT_EQ(past().handshakes.at(0).identity, "wm-0001#2");
}

// Nothing is written for whoever has not proved anything (P5): here with a key that is not the device's.
TEST_F(DeviceLifeTest, AFailedHandshakeLeavesNothing) {
    World::Node& stranger = node("wm-0001");
    store::CredentialRow other;
    other.id = 1;
    other.identity = other.device = "wm-0001";
    other.fleet = "water-meters";
    other.psk = Secret(Bytes(16, 99));
    world_.directory().add(std::move(other));
    stranger.client.connect(world_.clock.now());
    world_.run(seconds(60), true, milliseconds(100));
    EXPECT_FALSE(stranger.client.established());
    EXPECT_THAT(world_.journal.events, IsEmpty());
}

TEST_F(DeviceLifeTest, ASessionCanBeLookedAtInItsShard) {
    World::Node& first = node("wm-0001");
    connect(first);
    measure(first);
    std::vector<dtls::SessionView> views;
    for (std::size_t shard = 0; shard < world_.shards(); ++shard)
        for (dtls::SessionView& view : world_.ingress(shard).endpoint().sessions_of(1))
            views.push_back(std::move(view));
    ASSERT_THAT(views, SizeIs(1));
    EXPECT_EQ(views[0].id, world_.journal.sessions.begin()->first);
    EXPECT_TRUE(views[0].confirmed);
    EXPECT_EQ(views[0].path.remote, world_.address_of(first));
    EXPECT_EQ(views[0].cid, world_.journal.sessions.begin()->second.cid);
    EXPECT_LT(views[0].next_sequence, views[0].lease_end);
    EXPECT_GT(views[0].traffic.bytes_up, 0U);
    EXPECT_GT(views[0].traffic.bytes_down, 0U);
    EXPECT_EQ(views[0].traffic.repeats, 0U);

    // The answer is late: the node says it again, and that is counted.
    first.client.measure(world_.clock.now());
    world_.run(seconds(5), false);
    world_.run(seconds(2));
    measure(first);
    for (std::size_t shard = 0; shard < world_.shards(); ++shard)
        for (const dtls::SessionView& view : world_.ingress(shard).endpoint().sessions_of(1))
            EXPECT_GE(view.traffic.repeats, 1U);
    EXPECT_GE(world_.journal.sessions.begin()->second.traffic.repeats, 1U);
}

}  // namespace
}  // namespace narrowgate::daemon
