// SPDX-License-Identifier: Apache-2.0
//
// Numbers are never used twice (the gateway of these tests fails a test that sees it), whatever disks and
// clocks do; and traffic is counted.
#include <gtest/gtest.h>

#include "session_fixture.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::chrono::hours kFiftyYears(24 * 365 * 50);

class LeaseTest : public SessionTest {
protected:
    static Options small_lease() {
        Options options;
        options.lease_block = 8;
        return options;
    }
    Gateway scarce_{small_lease()};
};

TEST_F(LeaseTest, ADiskThatIsFullForLongStopsSealingAndSealingRecoversByItself) {
    Node node(scarce_);
    ASSERT_TRUE(node.shake_hands());
    ASSERT_EQ(node.says("hello"), Fate::kReceipt);
    const SessionId session = scarce_.journal.begin()->first;
    scarce_.commits_at_once = false;
    int sealed = 0;
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(node.says("asks"), Fate::kReceipt);
        scarce_.fail_commits();
        if (scarce_.reply(session, "answer")) ++sealed;
    }
    EXPECT_GT(sealed, 0);
    EXPECT_LE(sealed, 8);
    EXPECT_GT(scarce_.counters().leases_exhausted, 40u);
    EXPECT_EQ(scarce_.endpoint().sessions(), 1u);

    ASSERT_EQ(node.says("the disk has room again"), Fate::kReceipt);
    scarce_.commit_all();
    EXPECT_EQ(node.hears(session, "answer"), "answer");
    // And the crash that follows finds the lease that was written, not the numbers that were not.
    scarce_.crash();
    scarce_.commits_at_once = true;
    ASSERT_EQ(node.says("again"), Fate::kReceipt);
    EXPECT_EQ(node.hears(session, "answer"), "answer");
}

TEST_F(LeaseTest, ClocksThatJumpEitherWayEndNothingAndRepeatNoNumber) {
    for (const int direction : {1, -1}) {
        Gateway gateway(small_lease());
        Node node(gateway);
        ASSERT_TRUE(node.shake_hands());
        ASSERT_EQ(node.says("hello"), Fate::kReceipt);
        const SessionId session = gateway.journal.begin()->first;
        for (int turn = 0; turn < 6; ++turn) {
            gateway.clock.jump_wall((turn % 2 == 0 ? direction : -direction) * kFiftyYears);
            if (turn % 3 == 1) gateway.crash();
            gateway.clock.advance(std::chrono::hours(1));
            gateway.endpoint().advance(gateway.clock.now());
            for (int i = 0; i < 5; ++i) {
                ASSERT_EQ(node.says("still here"), Fate::kReceipt) << direction << " " << turn;
                EXPECT_EQ(node.hears(session, "yes"), "yes");
            }
        }
        EXPECT_TRUE(gateway.ended.empty());
    }
}

// Only time in which the gateway runs counts: whoever was not listened to was not silent.
TEST_F(LeaseTest, SilenceIsWhatTheJournalSaysOfRunningTime) {
    Options options;
    options.session_lifetime = std::chrono::hours(10);
    Gateway gateway(options);
    Node node(gateway);
    ASSERT_TRUE(node.shake_hands());
    const SessionId session = gateway.journal.begin()->first;
    const auto restored_with = [&](seconds silence) {
        Gateway other(options);
        auto record = record_of(session, gateway.journal.at(session), gateway.clock.now().steady);
        record.silence = silence;
        record.last_seen = other.clock.now().wall - kFiftyYears;
        EXPECT_EQ(other.endpoint().restore(std::move(record), other.clock.now()), Restored::kYes);
        other.clock.advance(std::chrono::minutes(30));
        other.endpoint().advance(other.clock.now());
        return other.endpoint().sessions();
    };
    EXPECT_EQ(restored_with(seconds(0)), 1u);
    EXPECT_EQ(restored_with(std::chrono::hours(9)), 1u);
    EXPECT_EQ(restored_with(std::chrono::minutes(575)), 0u);
    EXPECT_EQ(restored_with(std::chrono::hours(1'000'000)), 0u);
    EXPECT_EQ(restored_with(-std::chrono::hours(1)), 1u);
}

// A slot whose session ended may be in the wheel for later than the next session in it is due.
TEST_F(LeaseTest, AnAgedSessionIsForgottenInTimeAlsoAfterAnotherHasEnded) {
    Options options;
    options.session_lifetime = std::chrono::hours(10);
    Gateway gateway(options);
    Node node(gateway);
    ASSERT_TRUE(node.shake_hands());
    const SessionId session = gateway.journal.begin()->first;
    auto record = record_of(session, gateway.journal.at(session), gateway.clock.now().steady);
    gateway.endpoint().end_session(session, EndReason::kForgotten);
    record.silence = std::chrono::minutes(575);
    ASSERT_EQ(gateway.endpoint().restore(std::move(record), gateway.clock.now()), Restored::kYes);
    gateway.clock.advance(std::chrono::minutes(30));
    gateway.endpoint().advance(gateway.clock.now());
    EXPECT_EQ(gateway.endpoint().sessions(), 0u);
}

TEST_F(LeaseTest, TrafficIsCountedAndOutlivesACrash) {
    Node node(gateway_);
    establish(node);
    const Bytes up = node.sealed("up");
    ASSERT_EQ(gateway_.receive(up, elsewhere_), Fate::kReceipt);
    const auto& traffic = row().traffic;
    EXPECT_EQ(traffic.bytes_up, up.size());
    EXPECT_EQ(traffic.address_moves, 1u);
    const auto down = gateway_.reply(session_, "down");
    ASSERT_TRUE(down.has_value());
    gateway_.endpoint().count_repeat(session_);
    ASSERT_EQ(gateway_.receive(node.sealed("up"), elsewhere_), Fate::kReceipt);
    const Traffic before = row().traffic;
    EXPECT_EQ(before, (Traffic{static_cast<std::uint32_t>(2 * up.size()),
                               static_cast<std::uint32_t>(down->size()), 1, 1}));
    gateway_.crash();
    row().traffic.bytes_up = ~std::uint32_t{0} - 1;
    gateway_.crash();
    ASSERT_EQ(gateway_.receive(node.sealed("up"), elsewhere_), Fate::kReceipt);
    EXPECT_EQ(row().traffic.bytes_up, ~std::uint32_t{0});
    EXPECT_EQ(row().traffic.bytes_down, before.bytes_down);
}

}  // namespace
}  // namespace narrowgate::dtls
