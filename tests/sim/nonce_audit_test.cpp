// SPDX-License-Identifier: Apache-2.0
#include "sim/nonce_audit.hpp"

#include <gtest/gtest.h>

namespace narrowgate::sim {
namespace {

using RecordedKind = Recorded::Kind;

constexpr std::uint8_t kCcs = 20, kHandshake = 22, kData = 23, kCid = 25;
const Bytes kOneCid(6, 0x01);
const Bytes kOtherCid(6, 0x02);
const Address kNode = *Address::from_text("127.0.0.1:1000");
const Address kOtherNode = *Address::from_text("127.0.0.1:2000");

// A record as AEAD suites write it: explicit nonce, then what stands for ciphertext and tag.
Bytes protected_record(std::uint8_t type, std::uint64_t sequence, std::string_view content,
                       const Bytes& cid = {}, std::optional<std::uint64_t> nonce = {}) {
    const std::uint64_t number = std::uint64_t{1} << 48 | sequence;
    Bytes body, record;
    ByteWriter(body).u64(nonce.value_or(number)).append(bytes_of(content));
    ByteWriter(record).u8(type).u16(0xfefd).u64(number).append(cid).append_prefixed(body, 2);
    return record;
}

Bytes plain_record(std::uint8_t type, ByteView body) {
    Bytes record;
    ByteWriter(record).u8(type).u16(0xfefd).u64(0).append_prefixed(body, 2);
    return record;
}

Bytes hello(std::uint8_t type, std::uint8_t random) {
    Bytes body;
    ByteWriter(body).u8(type).unsigned_integer(40, 3).u16(0).unsigned_integer(0, 3).unsigned_integer(40, 3);
    ByteWriter(body).u16(0xfefd).append(Bytes(32, random)).append(Bytes(6));
    return plain_record(kHandshake, body);
}

const Bytes kChangeCipherSpec = plain_record(kCcs, Bytes{1});

class NonceAuditTest : public ::testing::Test {
protected:
    NonceAudit audit_;
    WallTime at_{seconds(1'000'000)};

    void see(RecordedKind kind, const Bytes& datagram, const Address& inside = kNode,
             std::uint16_t port = 7) {
        at_ += milliseconds(1);
        audit_.examine({kind, at_, inside, port, datagram});
    }
    void shake_hands(std::uint8_t random, const Address& node = kNode) {
        see(RecordedKind::kUp, hello(1, random), node);
        see(RecordedKind::kDown, hello(2, random), node);
        see(RecordedKind::kDown, kChangeCipherSpec, node);
    }
    std::uint64_t collisions() const { return audit_.counts().collisions; }
};

TEST_F(NonceAuditTest, FindsOneNumberWithTwoCiphertextsUnderAConnectionId) {
    see(RecordedKind::kUp, protected_record(kCid, 5, "one", kOneCid));
    see(RecordedKind::kUp, protected_record(kCid, 6, "two", kOneCid));
    see(RecordedKind::kUp, protected_record(kCid, 5, "another", kOtherCid));
    EXPECT_EQ(collisions(), 0u);
    // From elsewhere: a session is its connection ID.
    see(RecordedKind::kUp, protected_record(kCid, 5, "three", kOneCid), kOtherNode);
    EXPECT_EQ(collisions(), 1u);
    ASSERT_EQ(audit_.collisions().size(), 1u);
    EXPECT_EQ(audit_.collisions()[0].number, (std::uint64_t{1} << 48 | 5));
    EXPECT_NE(audit_.collisions()[0].session.find("010101010101"), std::string::npos);
    EXPECT_EQ(audit_.counts().records_up, 3u);
    EXPECT_EQ(audit_.counts().sessions_up, 2u);
}

TEST_F(NonceAuditTest, FindsOneNumberWithTwoCiphertextsOnItsWayDown) {
    shake_hands(1);
    see(RecordedKind::kDown, protected_record(kData, 1, "one"));
    see(RecordedKind::kDown, protected_record(kData, 2, "two"));
    EXPECT_EQ(collisions(), 0u);
    see(RecordedKind::kDown, protected_record(kData, 1, "three"));
    EXPECT_EQ(collisions(), 1u);
    EXPECT_EQ(audit_.collisions()[0].direction, Direction::kDown);
}

TEST_F(NonceAuditTest, FindsOneNumberWithTwoCiphertextsUpWithoutAConnectionId) {
    shake_hands(1);
    see(RecordedKind::kUp, protected_record(kData, 1, "one"));
    see(RecordedKind::kUp, protected_record(kData, 1, "two"));
    EXPECT_EQ(collisions(), 1u);
}

// Two records of one datagram, and a tag that alone differs.
TEST_F(NonceAuditTest, LooksAtEveryRecordAndEveryByte) {
    Bytes datagram = protected_record(kCid, 5, "record with tag 1", kOneCid);
    const Bytes second = protected_record(kCid, 5, "record with tag 2", kOneCid);
    datagram.insert(datagram.end(), second.begin(), second.end());
    see(RecordedKind::kUp, datagram);
    EXPECT_EQ(collisions(), 1u);
}

TEST_F(NonceAuditTest, FindsAnExplicitNonceUsedTwiceUnderTwoNumbers) {
    const std::uint64_t nonce = std::uint64_t{1} << 48 | 9;
    shake_hands(1);
    see(RecordedKind::kDown, protected_record(kData, 3, "one", {}, nonce));
    see(RecordedKind::kDown, protected_record(kData, 9, "two"));
    EXPECT_EQ(collisions(), 1u);
    EXPECT_EQ(audit_.counts().foreign_nonces, 1u);
}

TEST_F(NonceAuditTest, ExactRepetitionsAndCopiesAreFine) {
    const Bytes record = protected_record(kCid, 5, "one", kOneCid);
    see(RecordedKind::kUp, record);
    see(RecordedKind::kUp, record);
    see(RecordedKind::kReplay, record);
    EXPECT_EQ(collisions(), 0u);
    EXPECT_EQ(audit_.counts().repetitions, 1u);
    EXPECT_EQ(audit_.counts().replays, 1u);
    EXPECT_EQ(audit_.counts().records_up, 1u);
}

TEST_F(NonceAuditTest, ANewHandshakeIsANewSession) {
    shake_hands(1);
    see(RecordedKind::kUp, protected_record(kData, 1, "one"));
    see(RecordedKind::kDown, protected_record(kData, 1, "one"));
    shake_hands(2);
    see(RecordedKind::kUp, protected_record(kData, 1, "two"));
    see(RecordedKind::kDown, protected_record(kData, 1, "two"));
    EXPECT_EQ(collisions(), 0u);
    EXPECT_EQ(audit_.counts().sessions_up, 2u);
    EXPECT_EQ(audit_.counts().sessions_down, 2u);
}

// A port changed hands in the midst of a handshake, and the ServerHello with the connection ID reached both.
TEST_F(NonceAuditTest, TwoNodesThatWereGivenOneConnectionIdAreTwoSessions) {
    see(RecordedKind::kUp, hello(1, 1), kNode);
    see(RecordedKind::kUp, hello(1, 2), kOtherNode);
    see(RecordedKind::kUp, protected_record(kCid, 0, "one", kOneCid), kNode);
    see(RecordedKind::kUp, protected_record(kCid, 0, "two", kOneCid), kOtherNode);
    EXPECT_EQ(collisions(), 0u);
    see(RecordedKind::kUp, protected_record(kCid, 0, "three", kOneCid), kOtherNode);
    EXPECT_EQ(collisions(), 1u);
}

// An attacker's copy of a ClientHello makes the gateway send a ServerHello, in the midst of a session.
TEST_F(NonceAuditTest, AServerHelloAloneEndsNoSession) {
    shake_hands(1);
    see(RecordedKind::kDown, protected_record(kData, 1, "one"));
    see(RecordedKind::kDown, hello(2, 9));
    see(RecordedKind::kDown, protected_record(kData, 1, "two"));
    EXPECT_EQ(collisions(), 1u);
}

TEST_F(NonceAuditTest, ANodeKeepsItsSessionWhenItsPortChanges) {
    shake_hands(1);
    see(RecordedKind::kMapped, {}, kNode, 7);
    see(RecordedKind::kDown, protected_record(kData, 1, "one"), kNode, 7);
    see(RecordedKind::kMapped, {}, kNode, 8);
    see(RecordedKind::kDown, protected_record(kData, 1, "two"), kNode, 8);
    EXPECT_EQ(collisions(), 1u);
}

// The gateway answers the node that had the port a moment ago. It is not the new one's session, and nobody
// outside could tell.
TEST_F(NonceAuditTest, ExaminesNothingWhileAPortChangesHands) {
    shake_hands(1, kNode);
    shake_hands(2, kOtherNode);
    see(RecordedKind::kDown, protected_record(kData, 1, "to the other"), kOtherNode, 8);
    see(RecordedKind::kMapped, {}, kNode, 7);
    see(RecordedKind::kMapped, {}, kOtherNode, 7);
    see(RecordedKind::kDown, protected_record(kData, 1, "meant for the first"), kOtherNode, 7);
    EXPECT_EQ(collisions(), 0u);
    EXPECT_EQ(audit_.counts().unattributable, 1u);
    at_ += seconds(10);
    see(RecordedKind::kDown, protected_record(kData, 1, "meant for the other"), kOtherNode, 7);
    EXPECT_EQ(collisions(), 1u);
}

TEST_F(NonceAuditTest, NoiseIsCountedAndBreaksNothing) {
    see(RecordedKind::kUp, {});
    see(RecordedKind::kUp, {23});
    see(RecordedKind::kDown, Bytes(20, 0xff));
    see(RecordedKind::kDown, protected_record(kData, 1, "to nobody"), Address{}, 9);
    Bytes cut = hello(1, 1);
    cut.resize(20);
    see(RecordedKind::kUp, cut);
    EXPECT_EQ(audit_.counts().unreadable, 3u);
    EXPECT_EQ(audit_.counts().unattributable, 1u);
    EXPECT_EQ(audit_.counts().records_up + audit_.counts().records_down, 0u);
}

}  // namespace
}  // namespace narrowgate::sim
