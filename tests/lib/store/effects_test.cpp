// SPDX-License-Identifier: Apache-2.0
#include "effects.hpp"

#include <gtest/gtest.h>

#include <set>

namespace narrowgate::store {
namespace {

const WallTime kEffectsNoon{std::chrono::seconds(1'772'366'400)};

std::vector<Effect> sample_effects() {
    SealedSession open;
    open.row.id = 0xfedcba9876543210;
    open.row.credential = 300;
    open.row.cid = {1, 2, 3, 4, 5, 6};
    open.row.path = {*Address::from_text("[2001:db8::1]:5684"), *Address::from_text("[fe80::1%2]:1234")};
    open.row.lease_end = 1 << 20;
    open.row.window = ~std::uint64_t{0};
    open.row.established = kEffectsNoon;
    open.sealed = Bytes(200, 0x5e);
    SessionMark mark;
    mark.session = 7;
    mark.right_edge = 0xffffffffffff;
    mark.window = 1;
    mark.lease_end = 12;
    mark.confirmed = true;
    mark.path = {*Address::from_text("192.0.2.1:5684"), *Address::from_text("198.51.100.7:9")};
    mark.last_seen = kEffectsNoon;
    SessionMark second = mark;
    second.session = 8;
    second.window = 5;
    second.confirmed = false;
    second.path.remote.port = 10;
    second.last_seen = kEffectsNoon - std::chrono::microseconds(3);
    SessionMark moved = mark;
    moved.path.local = *Address::from_text("[2001:db8::1]:5684");
    std::vector<Effect> effects;
    effects.emplace_back(std::move(open));
    effects.emplace_back(SessionClose{99});
    effects.emplace_back(mark);
    effects.emplace_back(StoredReply{7, 2, kEffectsNoon + seconds(247), {0x60, 0x44}});
    effects.emplace_back(second);
    effects.emplace_back(StoredReply{6, 0xffff, kEffectsNoon - seconds(1), {}});
    effects.emplace_back(moved);
    return effects;
}

TEST(EffectsTest, GiveBackWhatWasPutIn) {
    const auto effects = decode_effects(encode_effects(sample_effects()));
    ASSERT_TRUE(effects.has_value());
    ASSERT_EQ(effects->size(), 7U);
    const auto& open = std::get<SealedSession>((*effects)[0]);
    EXPECT_EQ(open.row.id, 0xfedcba9876543210);
    EXPECT_EQ(open.row.credential, 300U);
    EXPECT_EQ(open.row.path.remote.text(), "[fe80::1%2]:1234");
    EXPECT_EQ(open.row.established, kEffectsNoon);
    EXPECT_EQ(open.sealed, Bytes(200, 0x5e));
    EXPECT_EQ(std::get<SessionClose>((*effects)[1]).session, 99U);
    const auto& mark = std::get<SessionMark>((*effects)[2]);
    EXPECT_EQ(mark.right_edge, 0xffffffffffffU);
    EXPECT_TRUE(mark.confirmed);
    EXPECT_EQ(mark.window, 1U);
    EXPECT_EQ(mark.last_seen, kEffectsNoon);
    EXPECT_EQ(mark.path.local.text(), "192.0.2.1:5684");
    const auto& reply = std::get<StoredReply>((*effects)[3]);
    EXPECT_EQ(reply.session, 7U);
    EXPECT_EQ(reply.message_id, 2U);
    EXPECT_EQ(reply.expires, kEffectsNoon + seconds(247));
    EXPECT_EQ(reply.reply, (Bytes{0x60, 0x44}));
    const auto& second = std::get<SessionMark>((*effects)[4]);
    EXPECT_FALSE(second.confirmed);
    EXPECT_EQ(second.window, 5U);
    EXPECT_EQ(second.path.local.text(), "192.0.2.1:5684");
    EXPECT_EQ(second.path.remote.text(), "198.51.100.7:10");
    EXPECT_EQ(second.last_seen, kEffectsNoon - std::chrono::microseconds(3));
    const auto& other = std::get<StoredReply>((*effects)[5]);
    EXPECT_EQ(other.session, 6U);
    EXPECT_EQ(other.message_id, 0xffff);
    EXPECT_EQ(other.expires, kEffectsNoon - seconds(1));
    EXPECT_EQ(std::get<SessionMark>((*effects)[6]).path.local.text(), "[2001:db8::1]:5684");
}

// The form of docs/store.md, byte by byte: a change here is a new format version.
TEST(EffectsTest, HaveTheDocumentedBytes) {
    SessionMark mark;
    mark.session = 7;
    mark.right_edge = 300;
    mark.window = ~std::uint64_t{2};
    mark.lease_end = 12;
    mark.confirmed = true;
    mark.path = {*Address::from_text("192.0.2.1:5684"), *Address::from_text("198.51.100.7:9")};
    mark.last_seen = WallTime(std::chrono::microseconds(3));
    mark.heard = 4;
    mark.traffic = {300, 5, 1, 2};
    SessionMark second = mark;
    second.confirmed = false;
    std::vector<Effect> effects;
    effects.emplace_back(mark);
    effects.emplace_back(StoredReply{7, 0x1234, mark.last_seen, {0x60}});
    effects.emplace_back(second);
    effects.emplace_back(StoredReply{8, 1, mark.last_seen, {}});
    effects.emplace_back(SessionClose{9});
    effects.emplace_back(SessionsEnd{300});
    effects.emplace_back(DeviceEvent{"d", mark.last_seen, {0xee}});
    EXPECT_EQ(to_hex(encode_effects(effects)),
              "02"  // format
              "03"
              "0000000000000007"  // mark of session 7
              "01"
              "ac02"
              "02"
              "0c"              // confirmed; right edge; what is missing in the window; lease
              "01c00002011634"  // local address
              "01c63364070009"
              "06"  // remote address; 3 µs, zigzag
              "08"
              "ac02050102"  // heard at 4 s, zigzag; 300 bytes up, 5 down, one move, two repeats
              "04"
              "00"
              "1234"
              "00"
              "0160"  // reply to session 7, expires at once
              "03"
              "0000000000000007"
              "02"
              "ac02"
              "02"
              "0c"
              "01c63364070009"
              "00"  // the same local address
              "00"
              "ac02050102"
              "04"
              "01"
              "0000000000000008"
              "0001"
              "00"
              "00"
              "02"
              "0000000000000009"
              "05"
              "ac02"  // every session of credential 300
              "06"
              "0164"
              "00"
              "01ee");
}

// A cut between two effects is a shorter list, which SQLite's own length rules out; a cut inside one is
// damage.
TEST(EffectsTest, RefuseWhatEndsInsideAnEffect) {
    const auto all = sample_effects();
    const auto whole = encode_effects(all);
    std::set<std::size_t> boundaries;
    for (std::size_t count = 1; count <= all.size(); ++count)
        boundaries.insert(encode_effects(std::span(all).first(count)).size());
    for (std::size_t size = 2; size < whole.size(); ++size)
        EXPECT_EQ(decode_effects(ByteView(whole).first(size)).has_value(), boundaries.contains(size)) << size;
}

TEST(EffectsTest, RefuseALocalAddressThatWasNeverGiven) {
    EXPECT_FALSE(decode_effects(*from_hex("010300000000000000070201000001c6336407000906")).has_value());
}

// A damaged disk may hold anything: the decoder must neither crash nor allocate without bound.
TEST(EffectsTest, SurviveEveryFlippedBit) {
    auto bytes = encode_effects(sample_effects());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const auto effects = decode_effects(bytes);
        EXPECT_TRUE(!effects || effects->size() <= bytes.size());
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    }
}

}  // namespace
}  // namespace narrowgate::store
