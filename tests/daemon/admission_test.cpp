// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/admission.hpp"

#include <gtest/gtest.h>

#include <queue>
#include <random>
#include <vector>

#include "fakes/manual_clock.hpp"

namespace narrowgate::daemon {
namespace {

using dtls::HandshakeOutcome;

Path path_from(const std::string& remote) {
    return {*Address::from_text("198.51.100.1:5684"), *Address::from_text(remote)};
}

// The n-th port of the n-th address.
Path path_of(std::uint32_t host, std::uint16_t port) {
    Path path = path_from("10.0.0.0:1");
    for (std::size_t i = 0; i < 4; ++i)
        path.remote.ip[15 - i] = static_cast<std::uint8_t>((i == 3 ? 10 : host >> (8 * i)) & 0xff);
    path.remote.port = port;
    return path;
}

class AdmissionTest : public ::testing::Test {
protected:
    bool begins(const Path& path) { return admission_.admits(path, clock_.now()); }
    void ends(const Path& path, HandshakeOutcome outcome) {
        dtls::HandshakeTrace trace;
        trace.path = path;
        trace.outcome = outcome;
        admission_.on_handshake_ended(trace, clock_.now());
    }
    // Handshakes that begin and end at once, until so many were admitted. Returns how long that took.
    seconds let_end(const Path& path, HandshakeOutcome outcome, int count) {
        const SteadyTime start = clock_.now().steady;
        while (count > 0) {
            if (begins(path)) {
                ends(path, outcome);
                --count;
            }
            clock_.advance(milliseconds(10));
        }
        return std::chrono::floor<seconds>(clock_.now().steady - start);
    }

    fakes::ManualClock clock_;
    std::vector<Offence> offences_;
    Admission admission_{{}, 1, [this](const Offence& offence) { offences_.push_back(offence); }};
};

TEST_F(AdmissionTest, AdmitsABurstAndThenThePace) {
    int admitted = 0;
    for (std::uint32_t host = 0; host < 2000; ++host) {
        if (!begins(path_of(host, 1))) continue;
        ends(path_of(host, 1), HandshakeOutcome::kEstablished);
        ++admitted;
    }
    EXPECT_EQ(admitted, 500);
    clock_.advance(milliseconds(100));
    admitted = 0;
    for (std::uint32_t host = 0; host < 2000; ++host) {
        if (!begins(path_of(host, 1))) continue;
        ends(path_of(host, 1), HandshakeOutcome::kEstablished);
        ++admitted;
    }
    EXPECT_EQ(admitted, 50);
}

TEST_F(AdmissionTest, AShardThatIsBehindAdmitsATenth) {
    for (std::uint32_t host = 0; host < 500; ++host) {
        ASSERT_TRUE(begins(path_of(host, 1)));
        ends(path_of(host, 1), HandshakeOutcome::kEstablished);
    }
    admission_.set_load(1);
    clock_.advance(milliseconds(100));
    int admitted = 0;
    for (std::uint32_t host = 0; host < 500; ++host)
        admitted += begins(path_of(host, 1)) ? 1 : 0;
    EXPECT_NEAR(admitted, 5, 1);
}

// One host with ports enough and good cookies begins handshakes and never goes on with any of them.
TEST_F(AdmissionTest, OneHostHoldsASixteenthOfThePoolAndNotMore) {
    std::size_t held = 0;
    for (std::uint16_t port = 1; port < 2000; ++port)
        held += begins(path_of(7, port)) ? 1u : 0u;
    EXPECT_EQ(held, Admission::kFirstRooms);
    EXPECT_TRUE(begins(path_of(8, 1)));
}

// The /64 counts, not the address: one customer has 2^64 of them.
TEST_F(AdmissionTest, AnIpv6NetworkIsOneSource) {
    std::size_t held = 0;
    for (int host = 1; host < 1000; ++host) {
        held += begins(path_from("[2001:db8:0:1::" + std::to_string(host) + "]:5684")) ? 1u : 0u;
    }
    EXPECT_EQ(held, Admission::kFirstRooms);
    EXPECT_TRUE(begins(path_from("[2001:db8:0:2::1]:5684")));
}

// However many sources behave well and then stop in the middle, there is room for one more.
TEST_F(AdmissionTest, SourcesWithAGoodPastTogetherLeaveRoomForANewOne) {
    for (std::uint32_t host = 0; host < 8; ++host) {
        for (std::uint16_t i = 0; i < 300; ++i) {
            ASSERT_TRUE(begins(path_of(host, 1)));
            ends(path_of(host, 1), HandshakeOutcome::kEstablished);
            clock_.advance(milliseconds(2));
        }
    }
    clock_.advance(seconds(5));
    std::size_t first = 0;
    for (std::uint32_t host = 0; host < 8; ++host) {
        for (std::uint16_t port = 1; port < 1500; ++port) {
            const bool held = begins(path_of(host, port));
            if (host == 0 && held) ++first;
        }
        clock_.advance(seconds(2));
    }
    EXPECT_GT(first, 400u);
    EXPECT_LE(first, 512u);
    EXPECT_LT(admission_.in_progress(), 1024u);
    EXPECT_TRUE(begins(path_of(99, 1)));
}

TEST_F(AdmissionTest, ASourceThatFailsIsSlowedDownMoreAndMoreButNeverShutOut) {
    const Path path = path_of(7, 1);
    EXPECT_LE(let_end(path, HandshakeOutcome::kTimedOut, 8), seconds(0));
    EXPECT_EQ(admission_.penalised(clock_.now()), 0u);
    const seconds first = let_end(path, HandshakeOutcome::kRefused, 20);
    EXPECT_GE(first, seconds(1));
    EXPECT_EQ(admission_.penalised(clock_.now()), 1u);
    let_end(path, HandshakeOutcome::kDisplaced, 40);
    const seconds later = let_end(path, HandshakeOutcome::kTimedOut, 20);
    EXPECT_GE(later, seconds(18));
    EXPECT_LE(later, seconds(22));
    EXPECT_TRUE(begins(path_of(8, 1))) << "its neighbour pays nothing";
}

TEST_F(AdmissionTest, APenaltyGoesWithTime) {
    const Path path = path_of(7, 1);
    let_end(path, HandshakeOutcome::kTimedOut, 60);
    EXPECT_EQ(admission_.penalised(clock_.now()), 1u);
    clock_.advance(std::chrono::minutes(20));
    EXPECT_EQ(admission_.penalised(clock_.now()), 0u);
    EXPECT_EQ(let_end(path, HandshakeOutcome::kEstablished, 50), seconds(0));
}

// A carrier's NAT: 1000 good nodes and one with a wrong key that never stops.
TEST_F(AdmissionTest, OneBadNodeDoesNotShutOutTheThousandBehindTheSameNat) {
    int good = 0;
    for (int i = 0; i < 1000; ++i) {
        if (begins(path_of(7, static_cast<std::uint16_t>(i + 2)))) {
            ends(path_of(7, static_cast<std::uint16_t>(i + 2)), HandshakeOutcome::kEstablished);
            ++good;
        }
        if (begins(path_of(7, 1))) ends(path_of(7, 1), HandshakeOutcome::kTimedOut);
        clock_.advance(milliseconds(10));
    }
    EXPECT_EQ(good, 1000);
    EXPECT_EQ(admission_.penalised(clock_.now()), 0u);
}

TEST_F(AdmissionTest, AHandshakeThatARevocationEndedIsNobodysFailure) {
    let_end(path_of(7, 1), HandshakeOutcome::kRevoked, 100);
    EXPECT_EQ(admission_.penalised(clock_.now()), 0u);
}

// A stranger with a great many networks lets one handshake begin and fail from each, to be forgotten for what
// another address has done.
TEST_F(AdmissionTest, ManySourcesDoNotWashAPenaltyAway) {
    const Path bad = path_of(7, 1);
    let_end(bad, HandshakeOutcome::kTimedOut, 30);
    for (std::uint32_t host = 1000; host < 51'000; ++host) {
        if (begins(path_of(host, 1))) ends(path_of(host, 1), HandshakeOutcome::kTimedOut);
        clock_.advance(milliseconds(2));
    }
    // 100 s have gone by, in which the penalty fell by a fifth; it is there all the same.
    EXPECT_EQ(admission_.penalised(clock_.now()), 1u);
    EXPECT_TRUE(begins(bad));
    EXPECT_FALSE(begins(bad));
}

TEST_F(AdmissionTest, OffendersAreReportedOnceInAWhileWithTheirCount) {
    let_end(path_of(7, 4711), HandshakeOutcome::kTimedOut, 8);
    clock_.advance(seconds(11));
    EXPECT_TRUE(offences_.empty()) << "a few failures are no offence";
    let_end(path_of(7, 4711), HandshakeOutcome::kTimedOut, 60);
    ASSERT_GE(offences_.size(), 2u);
    std::uint32_t failures = 0;
    for (const Offence& offence : offences_) {
        EXPECT_EQ(offence.address, path_of(7, 4711).remote);
        EXPECT_GE(offence.interval, Admission::kReportInterval);
        failures += offence.failures;
    }
    EXPECT_LE(failures, 68u);
    EXPECT_GE(failures, 50u);
}

TEST_F(AdmissionTest, ShardsShareTheRate) {
    const AdmissionLimits whole;
    const AdmissionLimits quarter = whole.divided_by(4);
    EXPECT_DOUBLE_EQ(quarter.handshakes_per_second, 125);
    EXPECT_EQ(quarter.handshake_burst, 125u);
    EXPECT_EQ(AdmissionLimits{.handshake_burst = 1}.divided_by(16).handshake_burst, 1u);
}

// A site comes back: 100 000 nodes behind 100 addresses, each a round trip of three seconds away, shake hands
// at once and again every 10 to 20 s until they are in; meanwhile one address of good cookies and wrong keys
// takes what it gets.
TEST_F(AdmissionTest, AStormOfAHundredThousandNodesIsOverAtThePaceOfTheGateway) {
    constexpr int kNodes = 100'000;
    constexpr int kAddresses = 100;
    constexpr seconds kRoundTrips{3};
    constexpr seconds kWrongKeyTakes{120};
    struct Event {
        SteadyTime at;
        int node;  // kNodes: the attacker
        bool ends;
        std::uint16_t port;
        bool operator>(const Event& other) const { return at > other.at; }
    };
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
    std::mt19937 random(1);
    const SteadyTime start = clock_.now().steady;
    const auto within = [&random](int least, int most) {
        return milliseconds(std::uniform_int_distribution<int>(least, most)(random));
    };
    for (int node = 0; node < kNodes; ++node)
        events.push({start + within(0, 10'000), node, false, 0});
    events.push({start, kNodes, false, 1});

    int in = 0;
    int attacks = 0;
    std::size_t attacks_open = 0;
    std::size_t most_attacks_open = 0;
    std::size_t most_open = 0;
    SteadyTime last_in = start;
    while (in < kNodes) {
        const Event event = events.top();
        events.pop();
        clock_.advance(std::chrono::duration_cast<std::chrono::microseconds>(event.at - clock_.now().steady));
        ASSERT_LT(event.at, start + std::chrono::hours(1));
        const bool attacks_now = event.node == kNodes;
        const Path path = attacks_now ? path_of(200, event.port)
                                      : path_of(static_cast<std::uint32_t>(event.node % kAddresses),
                                                static_cast<std::uint16_t>(event.node / kAddresses + 1));
        if (event.ends) {
            ends(path, attacks_now ? HandshakeOutcome::kTimedOut : HandshakeOutcome::kEstablished);
            if (attacks_now) {
                --attacks_open;
            } else {
                ++in;
                last_in = event.at;
            }
            continue;
        }
        const bool began = begins(path);
        most_open = std::max(most_open, admission_.in_progress());
        if (attacks_now) {
            if (began) {
                ++attacks;
                most_attacks_open = std::max(most_attacks_open, ++attacks_open);
                events.push({event.at + kWrongKeyTakes, kNodes, true, event.port});
            }
            const auto next = static_cast<std::uint16_t>(event.port % 60'000 + 1);
            events.push({event.at + milliseconds(2), kNodes, false, next});
        } else if (began) {
            events.push({event.at + kRoundTrips, event.node, true, 0});
        } else {
            events.push({event.at + within(10'000, 20'000), event.node, false, 0});
        }
    }
    const auto took = std::chrono::ceil<seconds>(last_in - start);
    RecordProperty("seconds", static_cast<int>(took.count()));
    RecordProperty("attacks", attacks);
    // The pool bears 1024 handshakes of 3 s each: 341 a second at most, 293 s for all of them.
    EXPECT_LE(took, seconds(450)) << "attacks " << attacks;
    EXPECT_LE(most_open, 1024u);
    EXPECT_LE(most_attacks_open, Admission::kFirstRooms);
    EXPECT_LE(attacks, 64 * (took.count() / kWrongKeyTakes.count() + 1));
}

}  // namespace
}  // namespace narrowgate::daemon
