// SPDX-License-Identifier: Apache-2.0
//
// What shards remember of handshakes, found by identity and by address (P9), within bounds (P5).
#include "daemon/ingress/handshake_look.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/devices/device_verdict.hpp"
#include "daemon/ingress_world.hpp"

namespace narrowgate::daemon {
namespace {

using testing::World;

class HandshakeLookTest : public ::testing::Test {
protected:
    DeviceEvidence look(const std::string& who) {
        DeviceEvidence evidence;
        for (std::size_t shard = 0; shard < world_.shards(); ++shard)
            look_in_shard(world_.ingress(shard), DeviceQuery::of(who), evidence);
        evidence.at = world_.clock.now();
        evidence.arrange();
        return evidence;
    }
    Finding finding(const std::string& who) {
        const DeviceEvidence evidence = look(who);
        return judge({.who = who, .evidence = evidence}).finding;
    }
    static dtls::Options two_shards() {
        dtls::Options options;
        options.shards = 2;
        return options;
    }

    World world_{two_shards()};
};

TEST_F(HandshakeLookTest, AHandshakeIsFoundByItsIdentityAndItsAddress) {
    for (const char* name : {"wm-1", "wm-2", "wm-3"}) {
        World::Node& node = world_.add_node(name);
        node.client.connect(world_.clock.now());
        world_.run(seconds(2));
        ASSERT_TRUE(node.client.established());
        const std::string address = world_.address_of(node).text();
        for (const std::string& who : {std::string(name), address}) {
            const DeviceEvidence evidence = look(who);
            ASSERT_EQ(evidence.handshakes.size(), 1u) << who;
            EXPECT_EQ(text_of(evidence.handshakes[0].trace.identity), name);
            EXPECT_EQ(evidence.handshakes[0].trace.trail.all().size(), 4u);
            EXPECT_EQ(finding(who), Finding::kOk);
        }
    }
    EXPECT_EQ(look("192.0.2.1").handshakes.size(), 3u) << "all behind one NAT";
    EXPECT_EQ(look("192.0.2.9").handshakes.size(), 0u);
    EXPECT_EQ(finding("wm-4"), Finding::kNoTrace);
}

TEST_F(HandshakeLookTest, OneThatStallsIsSeenWhileItStalls) {
    sim::LinkOptions narrow;
    narrow.max_bytes = 512;
    World::Node& node = world_.add_node("wm-1", narrow);
    node.client.connect(world_.clock.now());
    // Up to our ServerHello; then nothing moves any more.
    for (int turn = 0; turn < 100 && look("192.0.2.1").handshakes.empty(); ++turn)
        world_.turn();
    const DeviceEvidence evidence = look("192.0.2.1");
    ASSERT_EQ(evidence.handshakes.size(), 1u);
    EXPECT_TRUE(evidence.handshakes[0].in_progress);
}

TEST_F(HandshakeLookTest, AWrongKeyIsFoundByTheIdentityThatItNamed) {
    World::Node& node = world_.add_node("wm-1");
    world_.directory().remove(std::array<store::CredentialId, 1>{1});
    store::CredentialRow row;
    row.id = 99;
    row.identity = "wm-1";
    row.device = "wm-1";
    row.fleet = "water-meters";
    row.psk = Secret(Bytes(16, 0xee));
    world_.directory().add(std::move(row));
    node.client.connect(world_.clock.now());
    world_.run(seconds(5));
    EXPECT_FALSE(node.client.established());
    EXPECT_EQ(finding("wm-1"), Finding::kWrongKey);
    world_.directory().remove(std::array<store::CredentialId, 1>{99});
    world_.run(seconds(400), true, milliseconds(100));
    EXPECT_EQ(finding("wm-1"), Finding::kUnknownIdentity);
}

TEST(TraceLogTest, FailuresDoNotWashAwaySuccessesNorTheOtherWayRound) {
    TraceLog log;
    dtls::HandshakeTrace success;
    success.outcome = dtls::HandshakeOutcome::kEstablished;
    success.identity = {'g', 'o', 'o', 'd'};
    log.add(success);
    constexpr std::uint32_t kFailures = 5 * TraceLog::kKept + 7;
    for (std::uint32_t n = 1; n <= kFailures; ++n) {
        dtls::HandshakeTrace failed;
        failed.bytes_in = n;
        log.add(failed);
    }
    std::size_t good = 0;
    std::vector<std::uint32_t> kept;
    log.for_each([&](const dtls::HandshakeTrace& trace) {
        if (trace.outcome == dtls::HandshakeOutcome::kEstablished) {
            ++good;
        } else {
            kept.push_back(trace.bytes_in);
        }
    });
    EXPECT_EQ(good, 1u);
    ASSERT_EQ(kept.size(), TraceLog::kKept);
    const auto [oldest, newest] = std::ranges::minmax(kept);
    EXPECT_EQ(newest, kFailures);
    EXPECT_EQ(oldest, kFailures - TraceLog::kKept + 1) << "the last ones, each once";
}

}  // namespace
}  // namespace narrowgate::daemon
