// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "session_fixture.hpp"

namespace narrowgate::dtls {
namespace {

INSTANTIATE_TEST_SUITE_P(Dtls, WithAndWithoutCid, ::testing::Bool(),
                         [](const auto& cid) { return cid.param ? "WithCid" : "WithoutCid"; });

// --- The last flight ---

TEST_P(WithAndWithoutCid, TheLastFlightWaitsForTheCommit) {
    gateway_.commits_at_once = false;
    Node node(gateway_, options());
    EXPECT_FALSE(node.shake_hands());
    EXPECT_EQ(gateway_.counters().handshakes_completed, 1u);
    EXPECT_TRUE(gateway_.journal.empty());
    gateway_.commit_all();
    node.exchange();
    EXPECT_TRUE(node.client.established());
}

TEST_P(WithAndWithoutCid, TheClientsRepeatIsDroppedBeforeTheCommitAndAnsweredAfterIt) {
    gateway_.commits_at_once = false;
    Node node(gateway_, options());
    EXPECT_FALSE(node.shake_hands());
    gateway_.clock.advance(seconds(10));
    node.client.advance(gateway_.clock.now().steady);
    for (const auto& datagram : node.client.take_datagrams()) {
        EXPECT_EQ(gateway_.receive(datagram, node.path), Fate::kAwaitingCommit);
    }
    gateway_.commit_all();
    (void)gateway_.take_sent();  // the last flight is lost

    gateway_.clock.advance(seconds(20));
    node.client.advance(gateway_.clock.now().steady);
    const auto repeat = node.client.take_datagrams();
    ASSERT_FALSE(repeat.empty());
    for (const auto& datagram : repeat)
        EXPECT_EQ(gateway_.receive(datagram, node.path), Fate::kReceipt);
    EXPECT_TRUE(gateway_.take_sent().empty()) << "answered before the receipt was committed";
    gateway_.commit_all();
    node.exchange();
    EXPECT_TRUE(node.client.established());
    EXPECT_EQ(gateway_.counters().flights_repeated_by_records, 1u);
    EXPECT_EQ(node.says("reading"), Fate::kReceipt);
}

TEST_P(WithAndWithoutCid, ALostLastFlightIsMadeGoodAfterACrashToo) {
    Node node(gateway_, options());
    node.client.start(gateway_.clock.now().steady);
    while (gateway_.journal.empty()) {
        for (const auto& datagram : node.client.take_datagrams())
            gateway_.receive(datagram, node.path);
        for (const Sent& sent : gateway_.take_sent()) {
            if (gateway_.journal.empty()) node.client.receive(sent.datagram, gateway_.clock.now().steady);
        }
    }
    gateway_.crash();
    gateway_.clock.advance(seconds(10));
    node.client.advance(gateway_.clock.now().steady);
    node.exchange();
    EXPECT_TRUE(node.client.established());
    EXPECT_EQ(node.says("reading"), Fate::kReceipt);
    EXPECT_EQ(gateway_.journal.size(), 1u);
}

TEST_F(SessionTest, RepeatedFlightsAreAnsweredAtALimitedRateAndNotAtAllOnceConfirmed) {
    Node node(gateway_);
    establish(node);
    NodesKeys keys(row());
    const Bytes finished(24, 20);
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kHandshake, finished), node.path), Fate::kReceipt);
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kHandshake, finished), node.path),
              Fate::kRepeatTooSoon);
    gateway_.clock.advance(seconds(1));
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kHandshake, finished), node.path), Fate::kReceipt);
    EXPECT_EQ(gateway_.receive(keys.says("data"), node.path), Fate::kReceipt);
    gateway_.clock.advance(seconds(10));
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kHandshake, finished), node.path),
              Fate::kRepeatAfterConfirm);
    EXPECT_EQ(gateway_.counters().flights_repeated_by_records, 2u);
}

TEST_F(SessionTest, ASessionThatCouldNotBeWrittenIsForgotten) {
    gateway_.commits_at_once = false;
    Node node(gateway_);
    EXPECT_FALSE(node.shake_hands());
    ASSERT_EQ(gateway_.endpoint().sessions(), 1u);
    gateway_.fail_commits();
    EXPECT_EQ(gateway_.endpoint().sessions(), 0u);
    EXPECT_EQ(gateway_.counters().sessions_abandoned, 1u);
    gateway_.commits_at_once = true;
    EXPECT_TRUE(node.shake_hands());
}

// --- Crashes, leases, replays (P2, P3) ---

TEST_P(WithAndWithoutCid, ASessionOutlivesACrashAndSealsNothingUntilALeaseIsCommitted) {
    Node node(gateway_, options());
    establish_and_confirm(node);
    EXPECT_EQ(node.hears(session_, "before"), "before");
    gateway_.crash();
    EXPECT_FALSE(gateway_.reply(session_, "too early").has_value());
    EXPECT_EQ(node.says("again"), Fate::kReceipt);
    EXPECT_EQ(node.hears(session_, "after"), "after");
    EXPECT_EQ(gateway_.arrivals.size(), 2u);
}

TEST_F(SessionTest, RepliesAfterManyCrashesNeverRepeatANumber) {
    Node node(gateway_);
    establish_and_confirm(node);
    for (int crash = 0; crash < 20; ++crash) {
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(node.says("reading"), Fate::kReceipt);
            EXPECT_EQ(node.hears(session_, "reply"), "reply");
        }
        gateway_.crash();  // the audit of what leaves goes on
    }
}

// The second belt: the journal came back older than it was, as from a disk image.
TEST_F(SessionTest, AnOldJournalDoesNotBringOldNumbersBack) {
    Options options;
    options.lease_block = 8;
    Gateway gateway(options);
    Node node(gateway);
    ASSERT_TRUE(node.shake_hands());
    const SessionId session = gateway.journal.begin()->first;
    const Row old = gateway.journal.at(session);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(node.says("reading"), Fate::kReceipt);
        EXPECT_EQ(node.hears(session, "reply"), "reply");
    }
    gateway.clock.advance(seconds(5));
    gateway.journal.at(session) = old;
    gateway.crash();
    EXPECT_EQ(node.says("reading"), Fate::kReceipt);
    EXPECT_EQ(node.hears(session, "reply"), "reply");
}

TEST_F(SessionTest, LeasesAreRenewedBeforeTheyRunOut) {
    Options options;
    options.lease_block = 8;
    Gateway gateway(options);
    Node node(gateway);
    ASSERT_TRUE(node.shake_hands());
    const SessionId session = gateway.journal.begin()->first;
    for (int i = 0; i < 200; ++i) {
        ASSERT_EQ(node.says("reading"), Fate::kReceipt);
        ASSERT_EQ(node.hears(session, "reply"), "reply") << i;
        ASSERT_EQ(node.hears(session, "observe"), "observe") << i;
    }
    EXPECT_EQ(gateway.counters().leases_exhausted, 0u);
    for (int i = 0; i < 20; ++i)
        (void)gateway.reply(session, "unasked");
    EXPECT_GT(gateway.counters().leases_exhausted, 0u) << "without receipts no lease is taken";
}

// Commits overlap, and the last of them was prepared when less had been promised than the one before it says.
TEST_F(SessionTest, OverlappingCommitsNeverTakeALeaseBack) {
    Options options;
    options.lease_block = 8;
    Gateway gateway(options);
    Node node(gateway);
    ASSERT_TRUE(node.shake_hands());
    const SessionId session = gateway.journal.begin()->first;
    const auto replies = [&](int count) {
        for (int i = 0; i < count; ++i)
            (void)gateway.reply(session, "reply");
    };
    ASSERT_EQ(node.says("hello"), Fate::kReceipt);
    gateway.commits_at_once = false;
    replies(4);
    ASSERT_EQ(node.says("one"), Fate::kReceipt);
    replies(2);
    ASSERT_EQ(node.says("two"), Fate::kReceipt);
    gateway.commit_next();
    ASSERT_EQ(node.says("three"), Fate::kReceipt);
    const std::uint64_t before = gateway.journal.at(session).lease_end;
    gateway.commit_next();
    EXPECT_GE(gateway.journal.at(session).lease_end, before);
    const std::uint64_t between = gateway.journal.at(session).lease_end;
    gateway.commit_next();
    EXPECT_GE(gateway.journal.at(session).lease_end, between);
    replies(100);  // as many as the lease allows
    gateway.crash();
    gateway.commits_at_once = true;
    ASSERT_EQ(node.says("after"), Fate::kReceipt);
    replies(4);  // the audit looks for numbers used twice
}

TEST_P(WithAndWithoutCid, WhatWasReceivedBeforeACrashIsRefusedAfterIt) {
    Node node(gateway_, options());
    establish_and_confirm(node);
    const auto captured = node.sealed("switch on");
    EXPECT_EQ(gateway_.receive(captured, node.path), Fate::kReceipt);
    gateway_.crash();
    EXPECT_EQ(gateway_.receive(captured, node.path), Fate::kReplayed);
    EXPECT_EQ(gateway_.receive(captured, elsewhere_), GetParam() ? Fate::kReplayed : Fate::kUnknownAddress);
}

// Two copies of one record arrive while the first one's commit is under way.
TEST_F(SessionTest, ADuplicateOfARecordThatWaitsForItsCommitIsRefused) {
    Node node(gateway_);
    establish_and_confirm(node);
    gateway_.commits_at_once = false;
    const auto record = node.sealed("once");
    EXPECT_EQ(gateway_.receive(record, node.path), Fate::kReceipt);
    EXPECT_EQ(gateway_.receive(record, node.path), Fate::kReplayed);
    gateway_.commit_all();
    EXPECT_EQ(gateway_.arrivals.size(), 2u);
}

// --- Addresses (P4) ---

TEST_F(SessionTest, TheAddressMovesWithTheCommitOfNewerDataNotBefore) {
    Node node(gateway_);
    establish_and_confirm(node);
    gateway_.commits_at_once = false;
    EXPECT_EQ(gateway_.receive(node.sealed("from elsewhere"), elsewhere_), Fate::kReceipt);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
    gateway_.commit_all();
    EXPECT_EQ(gateway_.endpoint().path_of(session_), elsewhere_);
    EXPECT_EQ(row().path, elsewhere_);
    EXPECT_EQ(gateway_.counters().address_moves, 1u);
}

TEST_F(SessionTest, ForgedReplayedAndOvertakenRecordsMoveNothing) {
    Node node(gateway_);
    establish_and_confirm(node);
    const auto late = node.sealed("sent first, arrives last");
    auto newest = node.sealed("newest");
    EXPECT_EQ(gateway_.receive(newest, node.path), Fate::kReceipt);
    EXPECT_EQ(gateway_.receive(newest, elsewhere_), Fate::kReplayed);
    EXPECT_EQ(gateway_.receive(late, elsewhere_), Fate::kReceipt) << "authentic and accepted, but not newer";
    newest[10] ^= 0x40;  // another sequence number
    EXPECT_EQ(gateway_.receive(newest, elsewhere_), Fate::kBadMac);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
    gateway_.crash();
    EXPECT_EQ(gateway_.receive(late, elsewhere_), Fate::kReplayed);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
}

// A repeat of the client's flight that never reached us is newer than all we saw, and anybody may deliver it.
TEST_F(SessionTest, ACapturedFinishedMovesNothing) {
    Node node(gateway_);
    establish(node);
    NodesKeys keys(row(), 3);
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kHandshake, Bytes(24, 20)), elsewhere_),
              Fate::kReceipt);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
    EXPECT_EQ(row().path, node.path);
}

TEST_F(SessionTest, ReceiptsUnderWayTogetherAgreeOnTheAddress) {
    Node node(gateway_);
    establish_and_confirm(node);
    gateway_.commits_at_once = false;
    const auto first = node.sealed("one");
    const auto second = node.sealed("two");
    EXPECT_EQ(gateway_.receive(second, elsewhere_), Fate::kReceipt);
    EXPECT_EQ(gateway_.receive(first, node.path), Fate::kReceipt);
    gateway_.commit_all();
    EXPECT_EQ(row().path, elsewhere_) << "the older record's commit must not write the old address back";
    EXPECT_EQ(gateway_.endpoint().path_of(session_), elsewhere_);
}

TEST_F(SessionTest, ARecordThatWasNotCommittedHasHadNoEffect) {
    Node node(gateway_);
    establish_and_confirm(node);
    gateway_.commits_at_once = false;
    const auto overtaken = node.sealed("overtaken");
    EXPECT_EQ(gateway_.receive(node.sealed("lost to a full disk"), elsewhere_), Fate::kReceipt);
    gateway_.fail_commits();
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
    gateway_.commits_at_once = true;
    EXPECT_EQ(gateway_.receive(overtaken, node.path), Fate::kReceipt);
    EXPECT_EQ(row().path, node.path) << "the refused record's address must not come in by the next commit";
    EXPECT_EQ(gateway_.receive(node.sealed("again"), elsewhere_), Fate::kReceipt);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), elsewhere_);
}

// --- Restoring ---

TEST_F(SessionTest, WhatIsDamagedOrTwiceIsNotRestored) {
    Node node(gateway_);
    establish_and_confirm(node);
    EXPECT_EQ(gateway_.restore(session_), Restored::kHereAlready) << "it is here already";
    const Row good = row();
    const auto refuses = [&](auto damage) {
        Gateway other;
        other.journal[7] = good;
        damage(other.journal[7]);
        return other.restore(7) == Restored::kUnreadable && other.endpoint().sessions() == 0;
    };
    EXPECT_TRUE(refuses([](Row& row) { row.secret[0] = 2; })) << "another version";
    EXPECT_TRUE(refuses([](Row& row) { row.secret.pop_back(); }));
    EXPECT_TRUE(refuses([](Row& row) { row.secret.push_back(0); }));
    EXPECT_TRUE(refuses([](Row& row) { row.secret.clear(); }));
    EXPECT_TRUE(refuses([](Row& row) { row.secret[1] = 0x13; })) << "an unknown suite";
    EXPECT_TRUE(refuses([](Row& row) { row.cid.push_back(1); })) << "a CID of another length";
    EXPECT_FALSE(refuses([](Row&) {}));
}

// --- Sizes (P6) ---

TEST_F(SessionTest, WhatFitsADatagramOrTheAskedForFragmentIsSealedAndNoMore) {
    for (const std::size_t fragment : {std::size_t{0}, std::size_t{512}}) {
        for (const std::size_t mtu : {std::size_t{256}, std::size_t{512}, std::size_t{1280}}) {
            Options options;
            options.mtu = mtu;
            Gateway gateway(options);
            fakes::DtlsClientOptions client;
            client.max_fragment = fragment;
            Node node(gateway, client);
            ASSERT_TRUE(node.shake_hands());
            const SessionId session = gateway.journal.begin()->first;
            const std::size_t most = gateway.endpoint().max_application_bytes(session);
            EXPECT_EQ(most, fragment != 0 && mtu > fragment + 29 ? fragment : mtu - 29);
            const std::string text(most, 'x');
            EXPECT_EQ(node.hears(session, text), text);
            EXPECT_FALSE(gateway.reply(session, text + "x").has_value());
        }
    }
}

}  // namespace
}  // namespace narrowgate::dtls
