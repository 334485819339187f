// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "gateway.hpp"
#include "session_secret.hpp"

namespace narrowgate::dtls {
namespace {

// Seals what a live client would not send, with the keys of a session of the journal: the node's own writing
// end.
class NodesKeys {
public:
    explicit NodesKeys(const Row& row, std::uint64_t next_sequence = 1000) {
        Session session;
        EXPECT_TRUE(decode_secret(Secret(ByteView(row.secret)), session));
        state_ = session.records;
        std::swap(state_.read_key, state_.write_key);
        std::swap(state_.read_iv, state_.write_iv);
        state_.peer_cid = {};
        state_.peer_cid.assign(row.cid);
        state_.own_cid = {};
        state_.next_sequence = next_sequence;
        state_.lease_end = ~std::uint64_t{0};
    }

    Bytes seal(ContentType type, ByteView payload) {
        std::array<std::uint8_t, 512> out;
        const auto size = seal_record(state_, type, payload, out).value();
        return Bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
    }
    Bytes says(std::string_view text) { return seal(ContentType::kApplicationData, bytes_of(text)); }

private:
    RecordState state_;
};

class SessionTest : public ::testing::Test {
protected:
    void establish(Node& node) {
        ASSERT_TRUE(node.shake_hands());
        session_ = newest();
    }
    void establish_and_confirm(Node& node) {
        establish(node);
        ASSERT_EQ(node.says("hello"), Fate::kReceipt);
    }
    // The session that came last.
    SessionId newest() const {
        SessionId found = 0;
        for (const auto& [id, row] : gateway_.journal) {
            if (!row.confirmed || found == 0) found = id;
        }
        return found;
    }
    Row& row() { return gateway_.journal.at(session_); }

    static fakes::DtlsClientOptions without_cid() {
        fakes::DtlsClientOptions options;
        options.offer_cid = false;
        return options;
    }

    Gateway gateway_;
    SessionId session_ = 0;
    const Path elsewhere_ = path_from(50'000);
};

class WithAndWithoutCid : public SessionTest, public ::testing::WithParamInterface<bool> {
protected:
    fakes::DtlsClientOptions options() const {
        return GetParam() ? fakes::DtlsClientOptions{} : without_cid();
    }
};

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

// --- Ends ---

TEST_P(WithAndWithoutCid, ACloseNotifyIsAnsweredAndEndsTheSession) {
    Node node(gateway_, options());
    establish_and_confirm(node);
    gateway_.commits_at_once = false;
    EXPECT_EQ(gateway_.receive(node.client.close(gateway_.clock.now().steady), node.path), Fate::kReceipt);
    EXPECT_EQ(gateway_.endpoint().sessions(), 1u);
    gateway_.commit_all();
    EXPECT_EQ(gateway_.endpoint().sessions(), 0u);
    EXPECT_TRUE(gateway_.journal.empty());
    EXPECT_EQ(gateway_.counters().of(EndReason::kCloseNotify), 1u);
    EXPECT_EQ(gateway_.take_sent().size(), 1u);
}

TEST_F(SessionTest, WarningsAreIgnoredAndFatalAlertsEndTheSession) {
    Node node(gateway_);
    establish_and_confirm(node);
    NodesKeys keys(row());
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kAlert, Bytes{1, 90}), elsewhere_),
              Fate::kWarningAlert);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kAlert, Bytes{2}), node.path), Fate::kUnexpectedType);
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kChangeCipherSpec, Bytes{1}), node.path),
              Fate::kUnexpectedType);
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kAlert, Bytes{2, 80}), node.path), Fate::kReceipt);
    EXPECT_TRUE(gateway_.journal.empty());
    EXPECT_TRUE(gateway_.take_sent().empty());
}

TEST_F(SessionTest, RevocationEndsSessionsAndHandshakesAtOnce) {
    Node node(gateway_);
    establish_and_confirm(node);
    gateway_.commits_at_once = false;
    EXPECT_EQ(node.says("under way"), Fate::kReceipt);
    gateway_.endpoint().end_sessions_of(1, gateway_.clock.now());
    EXPECT_EQ(gateway_.endpoint().sessions(), 0u);
    EXPECT_EQ(gateway_.ended.back(), std::pair(session_, EndReason::kRevoked));
    gateway_.commit_all();  // must find nothing to work on
    EXPECT_EQ(node.says("too late"), Fate::kUnknownCid);
    EXPECT_FALSE(gateway_.reply(session_, "no").has_value());
}

TEST_F(SessionTest, ASilentSessionExpiresAndARestartDoesNotMakeItYounger) {
    Options options;
    options.session_lifetime = std::chrono::hours(10);
    Gateway gateway(options);
    Node node(gateway);
    ASSERT_TRUE(node.shake_hands());
    const auto wait = [&](std::chrono::minutes time) {
        gateway.clock.advance(time);
        gateway.endpoint().advance(gateway.clock.now());
    };
    wait(std::chrono::hours(9));
    EXPECT_EQ(node.says("still here"), Fate::kReceipt);
    wait(std::chrono::hours(9));
    EXPECT_EQ(gateway.endpoint().sessions(), 1u);
    gateway.crash();
    wait(std::chrono::minutes(55));
    EXPECT_EQ(gateway.endpoint().sessions(), 1u);
    wait(std::chrono::minutes(10));
    EXPECT_EQ(gateway.endpoint().sessions(), 0u);
    EXPECT_EQ(gateway.counters().of(EndReason::kExpired), 1u);
    EXPECT_FALSE(gateway.endpoint().next_deadline().has_value());
}

// The clock of a gateway without a battery starts in 1970, and later jumps to today.
TEST_F(SessionTest, AWallClockThatJumpsExpiresNothing) {
    Node node(gateway_);
    establish_and_confirm(node);
    gateway_.clock.jump_wall(-std::chrono::hours(24 * 365 * 50));
    gateway_.crash();
    gateway_.clock.jump_wall(std::chrono::hours(24 * 365 * 50));
    gateway_.clock.advance(std::chrono::hours(24));
    gateway_.endpoint().advance(gateway_.clock.now());
    EXPECT_EQ(node.says("still here"), Fate::kReceipt);
}

// --- A node that starts again ---

TEST_P(WithAndWithoutCid, TheFormerSessionStaysUntilTheNewOnesFirstDataAreCommitted) {
    Node node(gateway_, options());
    establish_and_confirm(node);
    const SessionId former = session_;
    NodesKeys former_keys(row());
    ASSERT_TRUE(node.shake_hands());  // on the same path
    EXPECT_EQ(gateway_.endpoint().sessions(), 2u);
    EXPECT_EQ(gateway_.receive(former_keys.says("from before"), node.path), Fate::kReceipt);
    EXPECT_EQ(gateway_.arrivals.back().receipt.session, former);

    gateway_.commits_at_once = false;
    EXPECT_EQ(node.says("first of the new one"), Fate::kReceipt);
    EXPECT_EQ(gateway_.endpoint().sessions(), 2u);
    gateway_.commit_all();
    EXPECT_EQ(gateway_.endpoint().sessions(), 1u);
    EXPECT_FALSE(gateway_.journal.contains(former));
    EXPECT_EQ(gateway_.ended.back(), std::pair(former, EndReason::kReplaced));
}

TEST_F(SessionTest, ManyHandshakesWithoutDataLeaveOneUnconfirmedSession) {
    Node node(gateway_);
    establish_and_confirm(node);
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(node.shake_hands());
    EXPECT_EQ(gateway_.endpoint().sessions(), 2u);
    EXPECT_EQ(gateway_.journal.size(), 2u);
    EXPECT_EQ(gateway_.counters().of(EndReason::kSuperseded), 4u);
}

// One key, many handshakes completed within one commit: none of their sessions may be left over.
TEST_F(SessionTest, HandshakesCompletedWithinOneCommitLeaveOneSession) {
    gateway_.commits_at_once = false;
    std::vector<std::unique_ptr<Node>> nodes;
    for (std::uint16_t i = 0; i < 6; ++i) {
        nodes.push_back(std::make_unique<Node>(gateway_, fakes::DtlsClientOptions{},
                                               static_cast<std::uint16_t>(40'000 + i)));
        EXPECT_FALSE(nodes.back()->shake_hands());
    }
    EXPECT_EQ(gateway_.endpoint().sessions(), 6u);
    gateway_.commit_all();
    EXPECT_EQ(gateway_.endpoint().sessions(), 1u);
    EXPECT_EQ(gateway_.journal.size(), 1u);
}

// The newer session could not be written, so the older one did not end, and may end by the next.
TEST_F(SessionTest, ASessionWhoseSuccessorCouldNotBeWrittenEndsByTheNextOne) {
    Node node(gateway_);
    establish(node);
    gateway_.commits_at_once = false;
    EXPECT_FALSE(node.shake_hands());
    gateway_.fail_commits();
    EXPECT_TRUE(gateway_.journal.contains(session_));
    gateway_.commits_at_once = true;
    EXPECT_TRUE(node.shake_hands());
    EXPECT_EQ(gateway_.endpoint().sessions(), 1u);
    EXPECT_FALSE(gateway_.journal.contains(session_));
}

// Two nodes have one key between them. What a commit has deleted must not live on in memory: it would answer
// until a crash, and then be gone.
TEST_F(SessionTest, WhatACommitDeletesIsGoneAlsoWhenTheSessionThatReplacedItIs) {
    Node first(gateway_);
    establish_and_confirm(first);
    Node second(gateway_, {}, 40'001);
    ASSERT_TRUE(second.shake_hands());
    gateway_.commits_at_once = false;
    Node third(gateway_, {}, 40'002);
    EXPECT_FALSE(third.shake_hands());
    EXPECT_EQ(second.says("replaces the first, but the third ends it"), Fate::kReceipt);
    gateway_.commit_all();
    EXPECT_EQ(gateway_.journal.size(), 1u);
    EXPECT_EQ(gateway_.endpoint().sessions(), 1u);
}

// Of two first readings under way one cannot be written; the other one confirms, whatever comes with it.
TEST_F(SessionTest, ASessionStaysConfirmedOnDiskWhateverIsCommittedLater) {
    Node node(gateway_);
    establish(node);
    NodesKeys keys(row(), 3);
    gateway_.commits_at_once = false;
    EXPECT_EQ(gateway_.receive(keys.says("fails"), node.path), Fate::kReceipt);
    EXPECT_EQ(gateway_.receive(keys.says("confirms"), node.path), Fate::kReceipt);
    gateway_.fail_next();
    EXPECT_EQ(gateway_.receive(keys.seal(ContentType::kHandshake, Bytes(24, 20)), node.path),
              Fate::kRepeatAfterConfirm);
    EXPECT_EQ(gateway_.receive(keys.says("more"), node.path), Fate::kReceipt);
    while (gateway_.has_commits_waiting()) {
        gateway_.commit_next();
        EXPECT_TRUE(row().confirmed);
    }
    EXPECT_EQ(gateway_.receive(keys.says("and more"), node.path), Fate::kReceipt);
    gateway_.commit_all();
    EXPECT_TRUE(row().confirmed);
}

// Without CIDs, a NAT that hands one port from node to node.
TEST_F(SessionTest, ManyNodesOnOnePathDisplaceTheLongestSilent) {
    for (std::uint8_t i = 0; i < 6; ++i) {
        auto options = without_cid();
        options.identity = {'n', i};
        gateway_.credentials.add(options.identity, 10u + i, options.psk);
        Node node(gateway_, options);
        gateway_.clock.advance(seconds(5));
        ASSERT_TRUE(node.shake_hands());
        ASSERT_EQ(node.says("mine"), Fate::kReceipt);
    }
    EXPECT_EQ(gateway_.endpoint().sessions(), 4u);
    EXPECT_EQ(gateway_.counters().of(EndReason::kDisplaced), 2u);
}

// --- Restoring ---

TEST_F(SessionTest, WhatIsDamagedOrTwiceIsNotRestored) {
    Node node(gateway_);
    establish_and_confirm(node);
    EXPECT_FALSE(gateway_.restore(session_)) << "it is here already";
    const Row good = row();
    const auto refuses = [&](auto damage) {
        Gateway other;
        other.journal[7] = good;
        damage(other.journal[7]);
        return !other.restore(7) && other.endpoint().sessions() == 0;
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
