// SPDX-License-Identifier: Apache-2.0
#include "sim/nat.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fakes/manual_clock.hpp"

namespace narrowgate::sim {
namespace {

using PassageKind = Nat::Passage::Kind;

const Bytes kPlain{22, 0xfe, 0xfd, 0, 0, 1, 2, 3};
const Bytes kProtected{23, 0xfe, 0xfd, 0, 1, 4, 5, 6};
const Address kGateway = *Address::from_text("198.51.100.1:5684");
const Address kStranger = *Address::from_text("203.0.113.66:666");

Address node(unsigned number) {
    Address address = *Address::from_text("10.0.0.1:1");
    address.port = static_cast<std::uint16_t>(number);
    return address;
}

class NatTest : public ::testing::Test {
protected:
    fakes::ManualClock clock_;

    static NatOptions options() {
        NatOptions options;
        options.gateway = kGateway;
        options.reuse = 0;
        return options;
    }

    SteadyTime now() const { return clock_.now().steady; }

    std::vector<Nat::Passage> all(Nat& nat) const {
        std::vector<Nat::Passage> passages;
        while (auto passage = nat.take(now()))
            passages.push_back(std::move(*passage));
        return passages;
    }

    // Sends one datagram up and returns the port that it left from.
    std::uint16_t up(Nat& nat, unsigned number) const {
        nat.from_inside(node(number), kProtected, now());
        const auto passage = nat.take(now());
        EXPECT_TRUE(passage && passage->kind == PassageKind::kUp);
        return passage ? passage->port : std::uint16_t{0xffff};
    }
};

TEST_F(NatTest, GivesEachNodeAPortOfItsOwnAndKeepsIt) {
    Nat nat(options(), 1);
    const auto first = up(nat, 1);
    const auto second = up(nat, 2);
    EXPECT_NE(first, second);
    EXPECT_EQ(up(nat, 1), first);
    EXPECT_EQ(nat.port_of(node(2)), second);
    EXPECT_EQ(nat.holder_of(second), node(2));
    EXPECT_EQ(nat.counts().mappings, 2u);
}

TEST_F(NatTest, SaysWhichDatagramOpensAMapping) {
    Nat nat(options(), 1);
    nat.from_inside(node(1), kPlain, now());
    nat.from_inside(node(1), kPlain, now());
    const auto passages = all(nat);
    ASSERT_EQ(passages.size(), 2u);
    EXPECT_TRUE(passages[0].opens_mapping);
    EXPECT_FALSE(passages[1].opens_mapping);
}

TEST_F(NatTest, CarriesDownWhatTheGatewaySendsAndFiltersEverybodyElse) {
    Nat nat(options(), 1);
    const auto port = up(nat, 1);
    nat.from_outside(port, kStranger, kPlain, now());
    EXPECT_TRUE(all(nat).empty());
    EXPECT_EQ(nat.counts().filtered, 1u);
    nat.from_outside(port, kGateway, kPlain, now());
    const auto passages = all(nat);
    ASSERT_EQ(passages.size(), 1u);
    EXPECT_EQ(passages[0].kind, PassageKind::kDown);
    EXPECT_EQ(passages[0].inside, node(1));
    EXPECT_EQ(passages[0].datagram, kPlain);
}

// Only uplinks keep a mapping: a gateway that goes on talking to a silent node does not.
TEST_F(NatTest, ForgetsAMappingAfterItsTimeOutWithoutUplinks) {
    NatOptions short_lived = options();
    short_lived.timeout = seconds(30);
    Nat nat(short_lived, 1);
    const auto port = up(nat, 1);
    clock_.advance(seconds(20));
    EXPECT_EQ(up(nat, 1), port);
    clock_.advance(seconds(29));
    nat.from_outside(port, kGateway, kPlain, now());
    EXPECT_EQ(all(nat).size(), 1u);
    EXPECT_EQ(nat.next_deadline(), now() + seconds(1));
    clock_.advance(seconds(1));
    EXPECT_TRUE(all(nat).empty());
    nat.from_outside(port, kGateway, kPlain, now());
    EXPECT_EQ(nat.counts().unroutable, 1u);
    EXPECT_FALSE(nat.port_of(node(1)));
    EXPECT_EQ(nat.holder_of(port), node(1));  // the last one
    EXPECT_NE(up(nat, 1), port);
    EXPECT_EQ(nat.counts().timed_out, 1u);
}

TEST_F(NatTest, GivesAPortToAnotherNodeAfterItsTimeOut) {
    NatOptions crowded = options();
    crowded.timeout = seconds(30);
    crowded.ports = 1;
    Nat nat(crowded, 1);
    const auto port = up(nat, 1);
    nat.from_inside(node(2), kPlain, now());
    EXPECT_TRUE(all(nat).empty());
    EXPECT_EQ(nat.counts().no_port, 1u);
    clock_.advance(seconds(30));
    EXPECT_TRUE(all(nat).empty());
    EXPECT_EQ(up(nat, 2), port);
    EXPECT_EQ(nat.counts().reused, 1u);
    nat.from_outside(port, kGateway, kPlain, now());
    EXPECT_EQ(all(nat).at(0).inside, node(2));
}

TEST_F(NatTest, LetsAPortRestBeforeAnotherNodeHasIt) {
    NatOptions resting = options();
    resting.ports = 2;
    resting.rest = seconds(5);
    Nat nat(resting, 1);
    (void)up(nat, 1);
    nat.rebind(node(1), now());
    (void)up(nat, 1);
    nat.from_inside(node(2), kPlain, now());
    EXPECT_TRUE(all(nat).empty());
    clock_.advance(seconds(5));
    (void)up(nat, 2);
    EXPECT_EQ(nat.counts().reused, 1u);
}

TEST_F(NatTest, RebindsOneNodeOnDemandAndLeavesTheOthersAlone) {
    Nat nat(options(), 1);
    const auto first = up(nat, 1);
    const auto second = up(nat, 2);
    nat.rebind(node(1), now());
    nat.from_outside(first, kGateway, kPlain, now());
    EXPECT_EQ(nat.counts().unroutable, 1u);
    EXPECT_NE(up(nat, 1), first);
    EXPECT_EQ(up(nat, 2), second);
}

// What was freed last goes first: nodes find themselves at each other's former ports.
TEST_F(NatTest, RebindsAllOnDemandAndCanLetThemSwapPorts) {
    NatOptions swapping = options();
    swapping.reuse = 1;
    Nat nat(swapping, 1);
    for (unsigned i = 1; i <= 10; ++i)
        (void)up(nat, i);
    nat.rebind_all(now());
    for (unsigned i = 1; i <= 10; ++i)
        EXPECT_LT(up(nat, i), 11);
    EXPECT_EQ(nat.counts().rebound, 10u);
    EXPECT_GE(nat.counts().reused, 5u);
}

TEST_F(NatTest, RebindsByItselfAboutAsOftenAsItWasTold) {
    NatOptions restless = options();
    restless.rebind_every = seconds(10);
    Nat nat(restless, 5);
    for (int second = 0; second < 10'000; ++second) {
        (void)up(nat, 1);
        clock_.advance(seconds(1));
    }
    // A mapping lives 10 s on average, and up to a second until the next uplink: 950 or so.
    EXPECT_NEAR(static_cast<double>(nat.counts().rebound), 950, 150);
}

TEST_F(NatTest, DelaysOnTheNodesSideOfTheMapping) {
    Nat nat(options(), 1);
    nat.attach(node(1), {.delay = seconds(2)});
    nat.from_inside(node(1), kPlain, now());
    clock_.advance(milliseconds(1'999));
    EXPECT_TRUE(all(nat).empty());
    EXPECT_FALSE(nat.port_of(node(1)));
    clock_.advance(milliseconds(1));
    EXPECT_EQ(all(nat).size(), 1u);
    // On its way down, it is past the NAT: forgetting the mapping does not lose it.
    nat.from_outside(*nat.port_of(node(1)), kGateway, kPlain, now());
    nat.rebind(node(1), now());
    clock_.advance(seconds(2));
    EXPECT_EQ(all(nat).size(), 1u);
}

TEST_F(NatTest, LosesAtEachNodesLinkAndCountsOverAll) {
    NatOptions lossy = options();
    lossy.link.loss = 0.1;
    lossy.link.max_bytes = 100;
    Nat nat(lossy, 7);
    for (unsigned i = 0; i < 5'000; ++i)
        nat.from_inside(node(1 + i % 10), kPlain, now());
    nat.from_inside(node(1), Bytes(101), now());
    const auto arrived = all(nat).size();
    EXPECT_NEAR(static_cast<double>(arrived), 4'500, 110);
    EXPECT_EQ(nat.link_counts(Direction::kUp).carried, arrived);
    EXPECT_EQ(nat.link_counts(Direction::kUp).oversized, 1u);
}

TEST_F(NatTest, AnAttackerSendsCapturedUplinksAgainFromAPortOfItsOwn) {
    NatOptions hostile = options();
    hostile.replay = 1;
    hostile.replay_copies = 2;
    hostile.spoofed = 0;
    hostile.replay_after_min = seconds(1);
    hostile.replay_after_max = seconds(3);
    Nat nat(hostile, 1);
    const auto port = up(nat, 1);
    EXPECT_TRUE(all(nat).empty());
    clock_.advance(seconds(3));
    const auto copies = all(nat);
    ASSERT_EQ(copies.size(), 2u);
    for (const auto& copy : copies) {
        EXPECT_EQ(copy.kind, PassageKind::kReplay);
        EXPECT_NE(copy.port, port);
        EXPECT_GE(copy.port, hostile.ports);
        EXPECT_EQ(copy.inside, node(1));
        EXPECT_EQ(copy.datagram, kProtected);
    }
    EXPECT_EQ(copies[0].port, copies[1].port);
    EXPECT_EQ(nat.counts().replayed, 2u);
}

TEST_F(NatTest, AnAttackerCanUseTheOriginalsPortToo) {
    NatOptions hostile = options();
    hostile.replay = 1;
    hostile.spoofed = 1;
    Nat nat(hostile, 1);
    const auto port = up(nat, 1);
    clock_.advance(hostile.replay_after_max);
    const auto copies = all(nat);
    ASSERT_EQ(copies.size(), hostile.replay_copies);
    EXPECT_EQ(copies[0].port, port);
    EXPECT_EQ(nat.counts().spoofed, hostile.replay_copies);
}

// Anybody gets a HelloVerifyRequest. A protected answer means that a copy was taken for new.
TEST_F(NatTest, TellsProtectedAnswersToReplaysAndTheirRepetitions) {
    NatOptions hostile = options();
    hostile.replay = 1;
    hostile.spoofed = 0;
    Nat nat(hostile, 1);
    (void)up(nat, 1);
    (void)up(nat, 1);
    clock_.advance(hostile.replay_after_max);
    std::set<std::uint16_t> foreign;
    for (const auto& copy : all(nat))
        foreign.insert(copy.port);
    ASSERT_EQ(foreign.size(), 2u);
    nat.from_outside(*foreign.begin(), kGateway, kPlain, now());
    EXPECT_EQ(nat.counts().replays_answered, 0u);
    for (const auto port : foreign)
        nat.from_outside(port, kGateway, kProtected, now());
    EXPECT_EQ(nat.counts().replays_answered, 2u);
    EXPECT_EQ(nat.counts().replays_answered_again, 0u);
    nat.from_outside(*foreign.begin(), kGateway, kProtected, now());
    EXPECT_EQ(nat.counts().replays_answered_again, 1u);
}

TEST_F(NatTest, TheSameSeedGivesTheSameHistory) {
    const auto history = [&] {
        NatOptions wild = options();
        wild.link = {.delay = milliseconds(20), .jitter = milliseconds(50), .loss = 0.2, .duplication = 0.2};
        wild.replay = 0.3;
        wild.rebind_every = seconds(2);
        wild.reuse = 0.5;
        Nat nat(wild, 42);
        fakes::ManualClock clock;
        std::vector<std::pair<std::uint16_t, PassageKind>> seen;
        for (unsigned i = 0; i < 500; ++i) {
            nat.from_inside(node(1 + i % 7), kPlain, clock.now().steady);
            clock.advance(milliseconds(10));
            while (const auto passage = nat.take(clock.now().steady))
                seen.emplace_back(passage->port, passage->kind);
        }
        return seen;
    };
    EXPECT_EQ(history(), history());
}

}  // namespace
}  // namespace narrowgate::sim
