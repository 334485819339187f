// SPDX-License-Identifier: Apache-2.0
#include "effects.hpp"

#include <gtest/gtest.h>

namespace narrowgate::store {
namespace {

const WallTime kNoon{std::chrono::seconds(1'772'366'400)};

std::vector<Effect> sample() {
    SealedSession open;
    open.row.id = 0xfedcba9876543210;
    open.row.credential = 300;
    open.row.cid = {1, 2, 3, 4, 5, 6};
    open.row.path = {*Address::from_text("[2001:db8::1]:5684"), *Address::from_text("[fe80::1%2]:1234")};
    open.row.lease_end = 1 << 20;
    open.row.window = ~std::uint64_t{0};
    open.row.established = kNoon;
    open.sealed = Bytes(200, 0x5e);
    SessionMark mark;
    mark.session = 7;
    mark.right_edge = 0xffffffffffff;
    mark.window = 1;
    mark.lease_end = 12;
    mark.confirmed = true;
    mark.path = {*Address::from_text("192.0.2.1:5684"), *Address::from_text("198.51.100.7:9")};
    mark.last_seen = kNoon;
    std::vector<Effect> effects;
    effects.emplace_back(std::move(open));
    effects.emplace_back(SessionClose{99});
    effects.emplace_back(mark);
    return effects;
}

TEST(EffectsTest, GiveBackWhatWasPutIn) {
    const auto effects = decode_effects(encode_effects(sample()));
    ASSERT_TRUE(effects.has_value());
    ASSERT_EQ(effects->size(), 3U);
    const auto& open = std::get<SealedSession>((*effects)[0]);
    EXPECT_EQ(open.row.id, 0xfedcba9876543210);
    EXPECT_EQ(open.row.credential, 300U);
    EXPECT_EQ(open.row.path.remote.text(), "[fe80::1%2]:1234");
    EXPECT_EQ(open.row.established, kNoon);
    EXPECT_EQ(open.sealed, Bytes(200, 0x5e));
    EXPECT_EQ(std::get<SessionClose>((*effects)[1]).session, 99U);
    const auto& mark = std::get<SessionMark>((*effects)[2]);
    EXPECT_EQ(mark.right_edge, 0xffffffffffffU);
    EXPECT_TRUE(mark.confirmed);
    EXPECT_EQ(mark.path.local.text(), "192.0.2.1:5684");
}

// A cut between two effects is a shorter list, which SQLite's own length rules out; a cut inside one is
// damage.
TEST(EffectsTest, RefuseWhatEndsInsideAnEffect) {
    const auto all = sample();
    const auto whole = encode_effects(all);
    const auto first = encode_effects(std::span(all).first(1)).size();
    const auto second = encode_effects(std::span(all).first(2)).size();
    for (std::size_t size = 2; size < whole.size(); ++size) {
        const bool boundary = size == first || size == second;
        EXPECT_EQ(decode_effects(ByteView(whole).first(size)).has_value(), boundary) << size;
    }
}

TEST(EffectsTest, RepliesGiveBackWhatWasPutIn) {
    const std::vector<StoredReply> replies{{1, 2, kNoon, {0x60, 0x44}}, {3, 0xffff, kNoon + seconds(1), {}}};
    const auto decoded = decode_replies(encode_replies(replies));
    ASSERT_TRUE(decoded.has_value());
    ASSERT_EQ(decoded->size(), 2U);
    EXPECT_EQ((*decoded)[0].reply, (Bytes{0x60, 0x44}));
    EXPECT_EQ((*decoded)[1].message_id, 0xffff);
    EXPECT_EQ((*decoded)[1].expires, kNoon + seconds(1));
}

}  // namespace
}  // namespace narrowgate::store
