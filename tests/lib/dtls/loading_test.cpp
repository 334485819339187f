// SPDX-License-Identifier: Apache-2.0
//
// Sessions that come into memory while nodes are answered already, and two shards that share a journal.
#include <gtest/gtest.h>

#include "session_fixture.hpp"

namespace narrowgate::dtls {
namespace {

// The rows of a gateway's journal as they were at one instant: a reader's snapshot, older than what ends.
class Snapshot final : public SessionShelf {
public:
    explicit Snapshot(Gateway& gateway) {
        for (const auto& [id, row] : gateway.journal)
            rows_.emplace_back(id, row);
        at_ = gateway.clock.now().steady;
    }

    bool find_by_cid(ByteView cid, SessionRecord& out) override {
        ++asked;
        for (const auto& [id, row] : rows_) {
            if (refuses || !std::ranges::equal(row.cid, cid)) continue;
            out = record_of(id, row, at_);
            return true;
        }
        return false;
    }
    void find_by_path(const Path& path, std::vector<SessionRecord>& out) override {
        ++asked;
        for (const auto& [id, row] : rows_) {
            if (!refuses && row.cid.empty() && row.path == path) out.push_back(record_of(id, row, at_));
        }
    }
    void find_of(CredentialId credential, std::vector<SessionRecord>& out) override {
        for (const auto& [id, row] : rows_) {
            if (row.credential == credential) out.push_back(record_of(id, row, at_));
        }
    }

    // The loader, late.
    std::vector<Restored> restore_all(Gateway& gateway) {
        std::vector<Restored> results;
        for (const auto& [id, row] : rows_)
            results.push_back(gateway.endpoint().restore(record_of(id, row, gateway.clock.now().steady),
                                                         gateway.clock.now()));
        return results;
    }

    bool refuses = false;
    int asked = 0;

private:
    std::vector<std::pair<SessionId, Row>> rows_;
    SteadyTime at_;
};

class LoadingTest : public SessionTest {
protected:
    // A start that has loaded nothing yet.
    std::unique_ptr<Snapshot> start_empty() {
        auto snapshot = std::make_unique<Snapshot>(gateway_);
        gateway_.crash_and_load_from(snapshot.get());
        return snapshot;
    }
    std::size_t sessions() { return gateway_.endpoint().sessions(); }
};

TEST_F(LoadingTest, ANodeIsAnsweredBeforeItsSessionIsLoaded) {
    for (const bool with_cid : {true, false}) {
        Gateway gateway;
        Node node(gateway, with_cid ? fakes::DtlsClientOptions{} : without_cid());
        ASSERT_TRUE(node.shake_hands());
        ASSERT_EQ(node.says("before"), Fate::kReceipt);
        Snapshot snapshot(gateway);
        gateway.crash_and_load_from(&snapshot);
        EXPECT_EQ(gateway.endpoint().sessions(), 0u);
        EXPECT_EQ(node.says("after"), Fate::kReceipt);
        EXPECT_EQ(node.hears(gateway.journal.begin()->first, "here"), "here");
        EXPECT_EQ(snapshot.restore_all(gateway), std::vector{Restored::kHereAlready});
        gateway.endpoint().load_from(nullptr);
        EXPECT_EQ(node.says("later"), Fate::kReceipt);
    }
}

TEST_F(LoadingTest, ARefusedLookUpIsALostDatagramAndNothingMore) {
    Node node(gateway_);
    establish_and_confirm(node);
    const auto snapshot = start_empty();
    snapshot->refuses = true;
    EXPECT_EQ(node.says("refused"), Fate::kUnknownCid);
    snapshot->refuses = false;
    EXPECT_EQ(node.says("again"), Fate::kReceipt);
}

// What was received before the stop is in the row: a replay does not get in by being first.
TEST_F(LoadingTest, AReplayIsRefusedAlsoWhenItIsWhatBringsTheSessionIn) {
    Node node(gateway_);
    establish_and_confirm(node);
    const Bytes captured = node.sealed("once");
    ASSERT_EQ(gateway_.receive(captured, node.path), Fate::kReceipt);
    const auto snapshot = start_empty();
    EXPECT_EQ(gateway_.receive(captured, elsewhere_), Fate::kReplayed);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
}

TEST_F(LoadingTest, ARowReadBeforeItsSessionEndedDoesNotComeBack) {
    Node node(gateway_);
    establish_and_confirm(node);
    const auto snapshot = start_empty();
    EXPECT_EQ(gateway_.receive(node.client.close(gateway_.clock.now().steady), node.path), Fate::kReceipt);
    EXPECT_EQ(sessions(), 0u);
    EXPECT_EQ(snapshot->restore_all(gateway_), std::vector{Restored::kHereAlready});
    EXPECT_EQ(sessions(), 0u);
}

TEST_F(LoadingTest, RowsOfARevokedCredentialDoNotComeIn) {
    Node node(gateway_);
    establish_and_confirm(node);
    const auto snapshot = start_empty();
    gateway_.endpoint().end_sessions_of(1, gateway_.clock.now());
    EXPECT_EQ(node.says("revoked"), Fate::kUnknownCid);
    EXPECT_EQ(snapshot->restore_all(gateway_), std::vector{Restored::kHereAlready});
    EXPECT_EQ(sessions(), 0u);
}

TEST_F(LoadingTest, WhatAnOperatorForgotDoesNotComeInLoadedOrNot) {
    Node node(gateway_);
    establish_and_confirm(node);
    auto snapshot = start_empty();
    gateway_.endpoint().end_session(session_, EndReason::kForgotten);
    EXPECT_EQ(snapshot->restore_all(gateway_), std::vector{Restored::kHereAlready});

    snapshot = start_empty();
    gateway_.endpoint().end_all(EndReason::kForgotten);
    EXPECT_EQ(node.says("forgotten"), Fate::kUnknownCid);
    EXPECT_EQ(snapshot->restore_all(gateway_), std::vector{Restored::kHereAlready});
    ASSERT_TRUE(node.shake_hands());
    EXPECT_EQ(node.says("a new one is welcome"), Fate::kReceipt);
    EXPECT_EQ(sessions(), 1u);
}

TEST_F(LoadingTest, ANewSessionReplacesOneThatIsStillOnDisk) {
    Node node(gateway_);
    establish_and_confirm(node);
    const auto snapshot = start_empty();
    ASSERT_TRUE(node.shake_hands());
    EXPECT_EQ(sessions(), 2u);
    EXPECT_EQ(node.says("first of the new one"), Fate::kReceipt);
    EXPECT_EQ(sessions(), 1u);
    EXPECT_FALSE(gateway_.journal.contains(session_));
    EXPECT_EQ(snapshot->restore_all(gateway_), std::vector{Restored::kHereAlready});
}

// A crash came between a session's commit and the end of those that it supersedes.
TEST_F(LoadingTest, WhatACrashLeftOverEndsWhenOneOfThemIsUsed) {
    Node node(gateway_);
    establish(node);
    auto copy = row();
    gateway_.journal[77] = copy;
    gateway_.journal[77].cid[5] ^= 1;
    gateway_.crash();
    EXPECT_EQ(sessions(), 2u);
    EXPECT_EQ(node.says("mine"), Fate::kReceipt);
    EXPECT_EQ(sessions(), 1u);
    EXPECT_EQ(gateway_.journal.size(), 1u);
    EXPECT_TRUE(gateway_.journal.contains(session_));
}

// It was left over, or its row could not be read in time; its first data were held back on their way.
TEST_F(LoadingTest, ALeftoverThatIsUsedLateDoesNotEndTheSessionThatCameAfterIt) {
    Node node(gateway_);
    establish(node);
    const Bytes held_back = node.sealed("late");
    const auto leftover = row();
    ASSERT_TRUE(node.shake_hands());
    ASSERT_EQ(node.says("of the newer session"), Fate::kReceipt);
    gateway_.journal[session_] = leftover;
    ASSERT_EQ(gateway_.restore(session_), Restored::kYes);
    EXPECT_EQ(gateway_.receive(held_back, node.path), Fate::kReceipt);
    EXPECT_EQ(node.says("goes on"), Fate::kReceipt);
}

TEST_F(LoadingTest, ReservingAndEndingAllWorkOnAnyNumber) {
    gateway_.endpoint().reserve(100'000);
    Node node(gateway_);
    establish_and_confirm(node);
    gateway_.endpoint().end_all(EndReason::kForgotten);
    EXPECT_EQ(sessions(), 0u);
    EXPECT_TRUE(gateway_.journal.empty());
    EXPECT_EQ(gateway_.counters().of(EndReason::kForgotten), 1u);
}

TEST_F(LoadingTest, ANodeThatIsNotAdmittedNowIsAdmittedLater) {
    Node node(gateway_);
    gateway_.admits = false;
    EXPECT_FALSE(node.shake_hands());
    EXPECT_EQ(gateway_.counters().of(Fate::kHandshakeNotAdmitted), 1u);
    EXPECT_EQ(gateway_.endpoint().handshakes(), 0u);
    gateway_.admits = true;
    EXPECT_TRUE(node.shake_hands());
}

// --- Two shards ---

// Both word for word as the daemon does it: what one commits, the other is told.
class TwoShards : public ::testing::Test {
protected:
    TwoShards() : first_(options_of(0), &order_), second_(options_of(1), &order_) {}

    static Options options_of(std::uint8_t shard) {
        Options options;
        options.shard = shard;
        options.shards = 2;
        return options;
    }
    static SessionId only(const Gateway& gateway) { return gateway.journal.begin()->first; }
    static void tell(Gateway& other, const Gateway& from, std::uint32_t order, bool confirmed) {
        other.endpoint().end_others(1, only(from), order, confirmed, other.clock.now());
    }

    EstablishmentOrder order_;
    Gateway first_, second_;
    Node at_first_{first_}, at_second_{second_, {}, 40'001};
};

TEST_F(TwoShards, ACidNamesItsShardInAllWaysThatItMay) {
    std::set<unsigned> seen;
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(at_second_.shake_hands());
        ASSERT_EQ(second_.journal.size(), 1u);
        const unsigned nibble = second_.journal.begin()->second.cid[0] & 0x0fu;
        EXPECT_EQ(nibble % 2, 1u);
        seen.insert(nibble);
    }
    EXPECT_EQ(seen.size(), 8u);
}

TEST_F(TwoShards, OfTwoEstablishedAtOnceTheOlderEnds) {
    first_.commits_at_once = second_.commits_at_once = false;
    EXPECT_FALSE(at_first_.shake_hands());
    EXPECT_FALSE(at_second_.shake_hands());
    second_.commit_all();
    first_.commit_all();
    const std::uint32_t older = first_.established.back().second;
    const std::uint32_t newer = second_.established.back().second;
    ASSERT_LT(older, newer);
    const SessionId ended = only(first_);
    tell(second_, first_, older, false);  // crossing one another
    EXPECT_EQ(second_.endpoint().sessions(), 1u);
    tell(first_, second_, newer, false);
    first_.commit_all();
    EXPECT_EQ(first_.endpoint().sessions(), 0u);
    EXPECT_EQ(first_.ended.back(), std::pair(ended, EndReason::kReplacedElsewhere));
    EXPECT_TRUE(first_.journal.empty());
}

TEST_F(TwoShards, AHandshakeAloneEndsNoConfirmedSessionElsewhereItsFirstDataDo) {
    ASSERT_TRUE(at_first_.shake_hands());
    ASSERT_EQ(at_first_.says("confirmed"), Fate::kReceipt);
    ASSERT_TRUE(at_second_.shake_hands());
    tell(first_, second_, second_.established.back().second, false);
    EXPECT_EQ(first_.endpoint().sessions(), 1u);
    ASSERT_EQ(at_second_.says("confirms"), Fate::kReceipt);
    EXPECT_TRUE(second_.arrivals.back().receipt.confirms);
    tell(first_, second_, second_.arrivals.back().receipt.order, true);
    EXPECT_EQ(first_.endpoint().sessions(), 0u);
    EXPECT_TRUE(first_.journal.empty());
    ASSERT_EQ(at_second_.says("confirmed by now"), Fate::kReceipt);
    EXPECT_FALSE(second_.arrivals.back().receipt.confirms);
}

// The word of the other shard comes before the commit of the session that it ends.
TEST_F(TwoShards, ASessionEndedBeforeItsCommitIsDeletedAfterIt) {
    first_.commits_at_once = false;
    EXPECT_FALSE(at_first_.shake_hands());
    ASSERT_TRUE(at_second_.shake_hands());
    tell(first_, second_, second_.established.back().second, false);
    first_.commit_all();
    EXPECT_TRUE(first_.journal.empty());
    EXPECT_EQ(first_.endpoint().sessions(), 0u);
}

// After a crash between the two commits both are there; the one that is used says so as a loaded one.
TEST_F(TwoShards, AfterACrashTheSessionThatIsUsedEndsTheOther) {
    ASSERT_TRUE(at_first_.shake_hands());
    ASSERT_EQ(at_first_.says("confirmed"), Fate::kReceipt);
    ASSERT_TRUE(at_second_.shake_hands());
    first_.crash();
    second_.crash();
    ASSERT_EQ(at_second_.says("confirms"), Fate::kReceipt);
    tell(first_, second_, second_.arrivals.back().receipt.order, true);
    EXPECT_EQ(first_.endpoint().sessions(), 0u);
    // One established since then stays: it is newer than any that was loaded.
    ASSERT_TRUE(at_first_.shake_hands());
    tell(first_, second_, second_.arrivals.back().receipt.order, true);
    EXPECT_EQ(first_.endpoint().sessions(), 1u);
}

// The stop came before the other shard could be told; data of the older one arrive after it.
TEST_F(TwoShards, AfterACrashTheOlderOneDoesNotEndTheNewerOne) {
    ASSERT_TRUE(at_second_.shake_hands());
    const Bytes held_back = at_second_.sealed("late");
    first_.clock.advance(seconds(60));
    second_.clock.advance(seconds(60));
    ASSERT_TRUE(at_first_.shake_hands());
    ASSERT_EQ(at_first_.says("confirmed"), Fate::kReceipt);
    first_.crash();
    second_.crash();
    ASSERT_EQ(second_.receive(held_back, at_second_.path), Fate::kReceipt);
    ASSERT_TRUE(second_.arrivals.back().receipt.confirms);
    tell(first_, second_, second_.arrivals.back().receipt.order, true);
    EXPECT_EQ(at_first_.says("goes on"), Fate::kReceipt);
}

TEST_F(TwoShards, WhatIsStillOnDiskIsEndedToo) {
    ASSERT_TRUE(at_first_.shake_hands());
    ASSERT_TRUE(at_second_.shake_hands());
    Snapshot snapshot(first_);
    first_.crash_and_load_from(&snapshot);
    tell(first_, second_, second_.established.back().second, false);
    EXPECT_TRUE(first_.journal.empty());
    EXPECT_EQ(snapshot.restore_all(first_), std::vector{Restored::kHereAlready});
}

}  // namespace
}  // namespace narrowgate::dtls
