// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/record_layer.hpp"

#include <gtest/gtest.h>

#include "gateway.hpp"
#include "session_secret.hpp"

namespace narrowgate::dtls {
namespace {

struct Ends {
    std::uint16_t suite;
    bool cid;
    std::size_t peer_cid_bytes;
};

// The record state that a real handshake left in the journal, against the live client on its other end.
class RecordLayer : public ::testing::TestWithParam<Ends> {
protected:
    RecordLayer() : node_(gateway_, options()) {
        EXPECT_TRUE(node_.shake_hands());
        const Row& row = gateway_.journal.begin()->second;
        Session session;
        EXPECT_TRUE(decode_secret(Secret(ByteView(row.secret)), session));
        state_ = session.records;
        state_.own_cid.assign(row.cid);
        state_.right_edge = row.right_edge;
        state_.window = row.window;
        state_.next_sequence = 1;
        state_.lease_end = row.lease_end;
    }

    static fakes::DtlsClientOptions options() {
        fakes::DtlsClientOptions options;
        options.suites = {GetParam().suite};
        options.offer_cid = GetParam().cid;
        options.own_cid = Bytes(GetParam().peer_cid_bytes, 0xc1);
        return options;
    }
    std::expected<OpenedRecord, RecordFault> opens(ByteView record) {
        return open_record(state_, record, scratch_);
    }
    std::expected<std::size_t, SealFault> seals(std::string_view text) {
        return seal_record(state_, ContentType::kApplicationData, bytes_of(text), out_);
    }

    Gateway gateway_;
    Node node_;
    RecordState state_;
    std::array<std::uint8_t, 1500> scratch_{};
    std::array<std::uint8_t, 512> out_{};
};

TEST_P(RecordLayer, OpensWhatAnIndependentStackSealed) {
    for (const std::string& text : {std::string("a"), std::string("21.5 Cel"), std::string(400, 'x')}) {
        const auto opened = opens(node_.sealed(text));
        ASSERT_TRUE(opened.has_value());
        EXPECT_EQ(opened->content_type, ContentType::kApplicationData);
        EXPECT_EQ(text_of(opened->payload), text);
        EXPECT_TRUE(opened->newer);
    }
}

TEST_P(RecordLayer, SealsWhatAnIndependentStackOpens) {
    for (const std::string text : {"2.04", "", "2.05 with a payload"}) {
        const auto size = seals(text);
        ASSERT_TRUE(size.has_value());
        EXPECT_EQ(*size, text.size() + record_expansion(state_));
        node_.client.receive(ByteView(out_).first(*size), gateway_.clock.now().steady);
        const auto received = node_.client.take_received();
        if (text.empty()) continue;  // mbedTLS swallows empty records
        ASSERT_EQ(received.size(), 1u);
        EXPECT_EQ(text_of(received[0]), text);
    }
    EXPECT_TRUE(node_.client.established());
}

// A bad record must not cost the session anything (RFC 6347 section 4.1.2.7). Every single bit is flipped.
TEST_P(RecordLayer, AForgedRecordMovesNothing) {
    const auto genuine = node_.sealed("first");
    const auto right_edge = state_.right_edge;
    const auto window = state_.window;
    for (std::size_t bit = 0; bit < genuine.size() * 8; ++bit) {
        auto forged = genuine;
        forged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        EXPECT_FALSE(opens(forged).has_value()) << "bit " << bit;
    }
    EXPECT_EQ(state_.right_edge, right_edge);
    EXPECT_EQ(state_.window, window);
    EXPECT_TRUE(opens(genuine).has_value());
}

TEST_P(RecordLayer, NothingOpensTwiceOrShort) {
    const auto record = node_.sealed("once");
    for (std::size_t size = 0; size < record.size(); ++size) {
        EXPECT_EQ(opens(ByteView(record).first(size)).error(), RecordFault::kMalformed);
    }
    ASSERT_TRUE(opens(record).has_value());
    EXPECT_EQ(opens(record).error(), RecordFault::kReplayed);
}

TEST_P(RecordLayer, OtherEpochsAreNotOpened) {
    auto record = node_.sealed("epoch 2");
    record[4] = 2;
    EXPECT_EQ(opens(record).error(), RecordFault::kWrongEpoch);
    record[4] = 0;
    EXPECT_EQ(opens(record).error(), RecordFault::kWrongEpoch);
}

// 64 numbers back is the window of RFC 6347 section 4.1.2.6: 63 open in any order, what is older does not.
TEST_P(RecordLayer, TheWindowTakesLateRecordsOnceAndOldOnesNever) {
    std::vector<Bytes> records;
    for (int i = 0; i < 70; ++i)
        records.push_back(node_.sealed("number"));
    ASSERT_TRUE(opens(records.back()).has_value());
    for (std::size_t i = 0; i + 1 < records.size(); ++i) {
        const std::size_t age = records.size() - 1 - i;
        const auto opened = opens(records[i]);
        EXPECT_EQ(opened.has_value(), age < 64) << age;
        if (opened) {
            EXPECT_FALSE(opened->newer);
        }
        EXPECT_EQ(opens(records[i]).error(), RecordFault::kReplayed);
    }
}

// P3. The lease is what is on disk; past it a crash could make us repeat a nonce.
TEST_P(RecordLayer, SealsNothingBeyondTheLease) {
    state_.lease_end = state_.next_sequence + 1;
    EXPECT_TRUE(seals("ok").has_value());
    EXPECT_EQ(seals("one too many").error(), SealFault::kLeaseExhausted);
}

TEST_P(RecordLayer, SealsNothingBeyondTheLastNumber) {
    state_.next_sequence = (std::uint64_t{1} << 48) - 1;
    state_.lease_end = ~std::uint64_t{0};
    EXPECT_TRUE(seals("the last").has_value());
    EXPECT_EQ(seals("none left").error(), SealFault::kLeaseExhausted);
}

// P6. What does not fit is refused before a number is spent.
TEST_P(RecordLayer, SealsNothingThatDoesNotFit) {
    const std::size_t room = out_.size() - record_expansion(state_);
    const auto next = state_.next_sequence;
    EXPECT_EQ(seals(std::string(room + 1, 'x')).error(), SealFault::kDoesNotFit);
    EXPECT_EQ(state_.next_sequence, next);
    EXPECT_EQ(seals(std::string(room, 'x')).value(), out_.size());
}

INSTANTIATE_TEST_SUITE_P(Dtls, RecordLayer,
                         ::testing::Values(Ends{0xc0a8, false, 0}, Ends{0xc0a8, true, 0},
                                           Ends{0xc0a8, true, 8}, Ends{0xc0a4, false, 0},
                                           Ends{0xc0a4, true, 1}, Ends{0x00a8, false, 0},
                                           Ends{0x00a8, true, 0}, Ends{0x00a8, true, 32}));

// RFC 9146 section 4: padding is zeros after the inner type; a record of nothing but zeros has no type, but
// it is authentic, and its number is spent.
TEST(RecordLayerWithCid, PaddingIsSkippedAndARecordOfPaddingOnlyIsRefused) {
    RecordState ours;
    ours.own_cid.assign(Bytes{1, 2, 3, 4, 5, 6});
    RecordState peer;
    peer.peer_cid.assign(Bytes{1, 2, 3, 4, 5, 6});
    peer.lease_end = 10;
    std::array<std::uint8_t, 200> record;
    std::array<std::uint8_t, 200> scratch;

    // The peer's "content type" byte is the last byte of padding here.
    const auto padded = seal_record(peer, ContentType{}, Bytes{'h', 'i', 23, 0, 0}, record);
    const auto opened = open_record(ours, ByteView(record).first(padded.value()), scratch);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(text_of(opened->payload), "hi");
    EXPECT_EQ(opened->content_type, ContentType::kApplicationData);

    const auto empty = seal_record(peer, ContentType{}, Bytes(3, 0), record);
    EXPECT_EQ(open_record(ours, ByteView(record).first(empty.value()), scratch).error(),
              RecordFault::kEmptyInner);
    EXPECT_EQ(open_record(ours, ByteView(record).first(empty.value()), scratch).error(),
              RecordFault::kReplayed);
}

}  // namespace
}  // namespace narrowgate::dtls
