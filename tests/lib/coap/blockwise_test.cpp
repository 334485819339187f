// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/blockwise.hpp"

#include <gtest/gtest.h>

#include "narrowgate/coap/message_layer.hpp"

namespace narrowgate::coap {
namespace {

std::optional<BlockOption> block_of(std::string_view hex) {
    const auto value = from_hex(hex).value();
    return BlockOption::of(value);
}

Bytes body_of(std::size_t bytes) {
    Bytes body(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
        body[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
    return body;
}

TEST(BlockOptionTest, ReadsEveryFormOfItsValue) {
    EXPECT_EQ(block_of(""), (BlockOption{0, false, 0}));
    EXPECT_EQ(block_of("0e"), (BlockOption{0, true, 6}));
    EXPECT_EQ(block_of("33"), (BlockOption{3, false, 3}));
    EXPECT_EQ(block_of("0103"), (BlockOption{16, false, 3}));
    EXPECT_EQ(block_of("fffffe"), (BlockOption{kMaxBlockNumber, true, 6}));
    EXPECT_FALSE(block_of("07"));
    EXPECT_FALSE(block_of("0f"));
    EXPECT_FALSE(block_of("00000000"));
}

TEST(BlockOptionTest, WritesWhatItRead) {
    for (const std::uint32_t value : {0x0U, 0xeU, 0x33U, 0x103U, 0xff'fffeU}) {
        Bytes bytes;
        ByteWriter(bytes).unsigned_integer(value, 3);
        EXPECT_EQ(BlockOption::of(bytes)->value(), value);
    }
}

TEST(BlockSizeTest, IsTheLargestThatFitsBehindTheLongestHead) {
    EXPECT_EQ(largest_szx(kLongestResponseHeadBytes + 1024), 6);
    EXPECT_EQ(largest_szx(kLongestResponseHeadBytes + 1023), 5);
    EXPECT_EQ(largest_szx(470), 4);
    EXPECT_EQ(largest_szx(kLongestResponseHeadBytes + 16), 0);
    EXPECT_EQ(largest_szx(0), 0);
    EXPECT_EQ(max_response_payload(470), 425U);
    EXPECT_EQ(max_response_payload(10), 0U);
}

TEST(SliceTest, GivesAShortBodyWhole) {
    const auto body = body_of(425);
    const auto piece = slice(body, std::nullopt, 470).value();
    EXPECT_EQ(piece.payload.size(), 425U);
    EXPECT_FALSE(piece.block2.has_value());
    EXPECT_FALSE(piece.size2.has_value());
}

TEST(SliceTest, GivesTheFirstBlockOfALongBodyUnasked) {
    const auto body = body_of(426);
    const auto piece = slice(body, std::nullopt, 470).value();
    EXPECT_EQ(piece.payload.size(), 256U);
    EXPECT_EQ(piece.block2, (BlockOption{0, true, 4}));
    EXPECT_EQ(piece.size2, 426U);
}

TEST(SliceTest, HonoursASmallerSizeThanFits) {
    const auto body = body_of(100);
    EXPECT_EQ(slice(body, BlockOption{0, false, 2}, 470)->block2, (BlockOption{0, true, 2}));
    EXPECT_EQ(slice(body, BlockOption{1, false, 2}, 470)->block2, (BlockOption{1, false, 2}));
    EXPECT_EQ(slice(body, BlockOption{1, false, 2}, 470)->payload.size(), 36U);
    EXPECT_EQ(slice(body, BlockOption{0, false, 6}, 470)->block2, (BlockOption{0, false, 4}));
}

// RFC 7959 section 2.4: the server answers with a smaller size and the number that begins at the same byte.
TEST(SliceTest, CountsALargeBlocksNumberInSmallBlocks) {
    const auto body = body_of(3'000);
    const auto piece = slice(body, BlockOption{2, false, 6}, 470).value();
    EXPECT_EQ(piece.block2, (BlockOption{8, true, 4}));
    EXPECT_EQ(piece.payload.data(), body.data() + 2'048);
    EXPECT_FALSE(piece.size2.has_value());
}

TEST(SliceTest, RefusesABlockPastTheEnd) {
    const auto body = body_of(512);
    EXPECT_EQ(slice(body, BlockOption{2, false, 4}, 470).error(), Code::kBadRequest);
    EXPECT_EQ(slice(body, BlockOption{kMaxBlockNumber, false, 6}, 470).error(), Code::kBadRequest);
    EXPECT_EQ(slice({}, BlockOption{1, false, 0}, 470).error(), Code::kBadRequest);
    EXPECT_TRUE(slice({}, BlockOption{0, false, 0}, 470)->payload.empty());
}

// P6, for every room and every size a client can ask for: the blocks fit with all options and the longest
// token around them, and together they are the body.
TEST(SliceTest, BlocksFitAndAddUpToTheBody) {
    const Asked asked{.token_bytes = kMaxTokenBytes};
    const auto body = body_of(1'300);
    for (std::size_t room = kLongestResponseHeadBytes + 16; room <= 1'400; room += 13) {
        for (std::uint8_t szx = 0; szx <= kMaxSzx; ++szx) {
            Bytes collected;
            BlockOption wanted{.szx = szx};
            for (bool more = true; more;) {
                const auto piece = slice(body, wanted, room).value();
                const auto datagram = respond(asked, {.code = Code::kContent,
                                                      .content_format = 0xffff,
                                                      .max_age = seconds(0xffff'ffff),
                                                      .size2 = piece.size2,
                                                      .block2 = piece.block2,
                                                      .etag = etag_of(body),
                                                      .payload = piece.payload});
                ASSERT_LE(datagram.size(), room);
                collected.insert(collected.end(), piece.payload.begin(), piece.payload.end());
                more = piece.block2->more;
                wanted = {piece.block2->number + 1, false, piece.block2->szx};
            }
            ASSERT_EQ(collected, body) << room << " " << int{szx};
        }
    }
}

TEST(ETagTest, ChangesWithTheBody) {
    auto body = body_of(600);
    const auto before = etag_of(body);
    EXPECT_EQ(etag_of(body), before);
    body.back() ^= 1;
    EXPECT_NE(etag_of(body), before);
}

}  // namespace
}  // namespace narrowgate::coap
