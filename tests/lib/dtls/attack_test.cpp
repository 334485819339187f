// SPDX-License-Identifier: Apache-2.0
//
// Someone who sees all datagrams of a session, and can send any from any address, but has no keys: nothing of
// his moves the session's address or ends it. Each attack before and after a crash.
#include <gtest/gtest.h>

#include "session_fixture.hpp"

namespace narrowgate::dtls {
namespace {

class Attack : public SessionTest, public ::testing::WithParamInterface<bool> {
protected:
    void SetUp() override {
        establish_and_confirm(node_);
        delivered_ = node_.sealed("delivered");
        ASSERT_EQ(gateway_.receive(delivered_, node_.path), Fate::kReceipt);
        (void)gateway_.take_sent();
    }
    // To be called when all is captured that there is to capture.
    void maybe_crash() {
        if (GetParam()) gateway_.crash();
    }
    void TearDown() override {
        EXPECT_EQ(gateway_.endpoint().path_of(session_), node_.path) << "the address has moved";
        EXPECT_EQ(row().path, node_.path);
        EXPECT_TRUE(gateway_.ended.empty());
        EXPECT_EQ(node_.says("still here"), Fate::kReceipt);
        EXPECT_EQ(node_.hears(session_, "yes"), "yes");
    }
    Fate from_elsewhere(ByteView datagram) { return gateway_.receive(datagram, elsewhere_); }

    Node node_{gateway_};
    Bytes delivered_;
};

INSTANTIATE_TEST_SUITE_P(Crash, Attack, ::testing::Bool(),
                         [](const auto& with) { return with.param ? "AfterACrash" : "WithoutACrash"; });

TEST_P(Attack, ForgedRecordsWithTheCid) {
    maybe_crash();
    for (std::uint8_t number = 2; number < 200; ++number) {
        Bytes forged = delivered_;
        forged[10] = number;  // sequence number, outside and in the nonce
        forged[19 + 7] = number;
        forged.back() ^= number;
        const Fate fate = from_elsewhere(forged);
        EXPECT_TRUE(fate == Fate::kBadMac || fate == Fate::kReplayed);
    }
}

TEST_P(Attack, AReplayedRecord) {
    maybe_crash();
    EXPECT_EQ(from_elsewhere(delivered_), Fate::kReplayed);
    EXPECT_EQ(gateway_.receive(delivered_, node_.path), Fate::kReplayed);
}

TEST_P(Attack, ARecordHeldBackUntilNewerOnesHaveCome) {
    const Bytes held_back = node_.sealed("held back");
    ASSERT_EQ(node_.says("newer"), Fate::kReceipt);
    maybe_crash();
    const auto before = gateway_.arrivals.size();
    EXPECT_EQ(from_elsewhere(held_back), Fate::kReceipt);  // it is the node's, and says so once
    EXPECT_EQ(gateway_.arrivals.size(), before + 1);
    EXPECT_EQ(from_elsewhere(held_back), Fate::kReplayed);
}

TEST_P(Attack, RecordsInReverse) {
    std::vector<Bytes> records;
    for (int i = 0; i < 10; ++i)
        records.push_back(node_.sealed("in order"));
    ASSERT_EQ(gateway_.receive(records.back(), node_.path), Fate::kReceipt);
    maybe_crash();
    for (std::size_t i = records.size() - 1; i-- > 0;)
        EXPECT_EQ(from_elsewhere(records[i]), Fate::kReceipt);
}

TEST_P(Attack, ARecordOlderThanTheWindow) {
    const Bytes old = node_.sealed("old");
    for (int i = 0; i < 70; ++i)
        ASSERT_EQ(node_.says("newer"), Fate::kReceipt);
    maybe_crash();
    EXPECT_EQ(from_elsewhere(old), Fate::kReplayed);
}

TEST_P(Attack, PlaintextFromTheSessionsOwnAddress) {
    maybe_crash();
    const auto plain = [](ContentType type, Bytes body) {
        Bytes record;
        append_header(record, type, kDtls12, 0, 7, body.size());
        ByteWriter(record).append(body);
        return record;
    };
    EXPECT_EQ(gateway_.receive(plain(ContentType::kAlert, {2, 40}), node_.path), Fate::kStrayPlaintext);
    EXPECT_EQ(gateway_.receive(plain(ContentType::kAlert, {1, 0}), node_.path), Fate::kStrayPlaintext);
    EXPECT_EQ(gateway_.receive(plain(ContentType::kChangeCipherSpec, {1}), node_.path),
              Fate::kStrayPlaintext);
    EXPECT_EQ(gateway_.receive(plain(ContentType::kApplicationData, {1, 2, 3}), node_.path),
              Fate::kStrayPlaintext);
}

// Also a whole handshake from there, with a key that is not the node's, or none at all.
TEST_P(Attack, AHelloFromTheSessionsOwnAddress) {
    maybe_crash();
    fakes::DtlsClientOptions options;
    options.psk = Bytes(16, 0x11);
    Node stranger(gateway_, options);
    stranger.path = node_.path;
    EXPECT_FALSE(stranger.shake_hands());
    EXPECT_EQ(gateway_.endpoint().sessions(), 1u);
}

TEST_P(Attack, TruncatedAndExtendedRecords) {
    const Bytes captured = node_.sealed("captured, never delivered");
    maybe_crash();
    for (std::size_t size = 0; size < captured.size(); ++size)
        EXPECT_NE(from_elsewhere(ByteView(captured).first(size)), Fate::kReceipt) << size;
    for (std::size_t more = 1; more < 40; ++more) {
        Bytes longer = captured;
        longer.resize(captured.size() + more, 0);
        const std::size_t length = captured.size() - 19 + more;
        longer[17] = static_cast<std::uint8_t>(length >> 8);
        longer[18] = static_cast<std::uint8_t>(length);
        EXPECT_EQ(from_elsewhere(longer), Fate::kBadMac) << more;
    }
}

TEST_P(Attack, RecordsOfAnotherSessionUnderThisCid) {
    auto options = fakes::DtlsClientOptions{};
    options.identity = {'o', 't', 'h', 'e', 'r'};
    gateway_.credentials.add(options.identity, 2, options.psk);
    Node other(gateway_, options, 41'000);
    ASSERT_TRUE(other.shake_hands());
    std::vector<Bytes> relabelled;
    for (int i = 0; i < 20; ++i) {
        relabelled.push_back(other.sealed("of another"));
        std::ranges::copy(row().cid, relabelled.back().begin() + 11);
    }
    maybe_crash();
    for (const Bytes& record : relabelled) {
        const Fate fate = from_elsewhere(record);
        EXPECT_TRUE(fate == Fate::kBadMac || fate == Fate::kReplayed);
    }
    // And the CID of the other one on records of this one.
    Bytes swapped = node_.sealed("mine");
    for (const auto& [id, each] : gateway_.journal) {
        if (id != session_) std::ranges::copy(each.cid, swapped.begin() + 11);
    }
    EXPECT_EQ(from_elsewhere(swapped), Fate::kBadMac);
}

// The client's last flight, captured from the handshake and played from another address: before any data of
// the session it is answered where it came from, and after them by nobody.
class CapturedFinished : public SessionTest, public ::testing::WithParamInterface<std::tuple<bool, bool>> {};

INSTANTIATE_TEST_SUITE_P(ConfirmedAndCrash, CapturedFinished,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool()));

TEST_P(CapturedFinished, MovesNothing) {
    const auto [confirmed, crash] = GetParam();
    Node node(gateway_);
    std::vector<Bytes> captured;
    node.client.start(gateway_.clock.now().steady);
    for (int turn = 0; turn < 6; ++turn) {
        for (const Bytes& up : node.client.take_datagrams()) {
            captured.push_back(up);
            gateway_.receive(up, node.path);
        }
        for (const Sent& sent : gateway_.take_sent())
            node.client.receive(sent.datagram, gateway_.clock.now().steady);
    }
    ASSERT_TRUE(node.client.established());
    session_ = newest();
    // Sealed anew by the node too, because its answer was lost: another number, never delivered.
    NodesKeys keys(row(), 500);
    const Bytes repeated = keys.seal(ContentType::kHandshake, Bytes(24, 20));
    if (confirmed) {
        ASSERT_EQ(node.says("confirms"), Fate::kReceipt);
    }
    if (crash) gateway_.crash();
    gateway_.clock.advance(seconds(10));
    for (const Bytes& each : captured)
        EXPECT_NE(gateway_.receive(each, elsewhere_), Fate::kReceipt);
    EXPECT_EQ(gateway_.receive(repeated, elsewhere_), confirmed ? Fate::kRepeatAfterConfirm : Fate::kReceipt);
    EXPECT_EQ(gateway_.endpoint().path_of(session_), node.path);
    EXPECT_EQ(row().path, node.path);
    EXPECT_TRUE(gateway_.ended.empty());
}

}  // namespace
}  // namespace narrowgate::dtls
