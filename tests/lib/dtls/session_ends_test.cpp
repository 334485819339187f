// SPDX-License-Identifier: Apache-2.0
//
// How sessions end, and what replaces them.
#include <gtest/gtest.h>

#include "session_fixture.hpp"

namespace narrowgate::dtls {
namespace {

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

}  // namespace
}  // namespace narrowgate::dtls
