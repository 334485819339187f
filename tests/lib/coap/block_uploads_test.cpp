// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/block_uploads.hpp"

#include <gtest/gtest.h>

#include "fakes/manual_clock.hpp"
#include "lib/coap/requests.hpp"

namespace narrowgate::coap {
namespace {

using Continue = BlockUploads::Continue;
using Complete = BlockUploads::Complete;
using Refused = BlockUploads::Refused;

constexpr std::size_t kMaxPayload = 16 * 1024;
constexpr std::size_t kRoomFor256 = 470;

std::string text_body_of(std::size_t bytes) {
    std::string body(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i)
        body[i] = static_cast<char>('a' + i % 23);
    return body;
}

class BlockUploadsTest : public testing::Test {
protected:
    struct Sent {
        SessionId session = 1;
        std::string path = "telemetry";
        std::string tag{};
        std::uint32_t content_format = 112;
        std::optional<std::uint32_t> size1{};
    };

    BlockUploads::Outcome send_payload(const Sent& sent, BlockOption block, std::string payload) {
        NodeMessage message{.mid = ++mid_, .payload = std::move(payload)};
        message.path(sent.path).with_uint(option::kContentFormat, sent.content_format);
        message.block1(block.number, block.more, block.szx);
        if (!sent.tag.empty()) message.with(option::kRequestTag, sent.tag);
        if (sent.size1) message.with_uint(option::kSize1, *sent.size1);
        datagram_ = message.bytes();
        const auto verdict = layer_.receive(sent.session, datagram_, {}, clock_.now());
        return uploads_.receive(std::get<Request>(verdict), kMaxPayload, kRoomFor256, clock_.now());
    }
    // The block of that number of `body`.
    BlockUploads::Outcome send(const std::string& body, std::uint32_t number, std::uint8_t szx,
                               const Sent& sent) {
        BlockOption block{number, false, szx};
        const auto piece = body.substr(block.offset(), block.block_bytes());
        block.more = block.offset() + piece.size() < body.size();
        return send_payload(sent, block, piece);
    }
    BlockUploads::Outcome send(const std::string& body, std::uint32_t number, std::uint8_t szx) {
        return send(body, number, szx, Sent{});
    }

    static std::string body_in(const BlockUploads::Outcome& outcome) {
        return std::string(narrowgate::text_of(std::get<Complete>(outcome).body));
    }
    static Code code_in(const BlockUploads::Outcome& outcome) { return std::get<Refused>(outcome).code; }

    fakes::ManualClock clock_;
    MessageLayer layer_;
    BlockUploads uploads_{{.max_uploads = 50, .max_uploads_per_session = 2, .max_bytes = 100'000}};
    Bytes datagram_;
    std::uint16_t mid_ = 0;
};

TEST_F(BlockUploadsTest, PutsABodyTogether) {
    const auto body = text_body_of(600);
    EXPECT_EQ(std::get<Continue>(send(body, 0, 4)).block1, (BlockOption{0, true, 4}));
    EXPECT_EQ(std::get<Continue>(send(body, 1, 4)).block1, (BlockOption{1, true, 4}));
    EXPECT_EQ(uploads_.load(), (PoolLoad{.used = 1, .capacity = 50}));
    EXPECT_EQ(uploads_.byte_load(), (PoolLoad{.used = uploads_.bytes(), .capacity = 100'000}));
    const auto last = send(body, 2, 4);
    EXPECT_EQ(body_in(last), body);
    EXPECT_EQ(std::get<Complete>(last).block1, (BlockOption{2, false, 4}));
    uploads_.release(std::get<Complete>(last).upload);
    EXPECT_EQ(uploads_.size(), 0U);
    EXPECT_EQ(uploads_.bytes(), 0U);
}

TEST_F(BlockUploadsTest, TakesASingleBlockWithoutKeepingIt) {
    EXPECT_EQ(body_in(send("short", 0, 4)), "short");
    EXPECT_EQ(uploads_.size(), 0U);
}

// RFC 7959 figure 8: the server answers 1024 by 256, and the client goes on from byte 1024 in blocks of 256.
TEST_F(BlockUploadsTest, AsksForSmallerBlocksAndTakesEither) {
    const auto body = text_body_of(2'500);
    EXPECT_EQ(std::get<Continue>(send(body, 0, 6)).block1, (BlockOption{0, true, 4}));
    for (std::uint32_t number = 4; number < 9; ++number) {
        EXPECT_EQ(std::get<Continue>(send(body, number, 4)).block1, (BlockOption{number, true, 4}));
    }
    EXPECT_EQ(body_in(send(body, 9, 4)), body);

    std::get<Continue>(send(body, 0, 6));
    EXPECT_EQ(std::get<Continue>(send(body, 1, 6)).block1, (BlockOption{1, true, 6}));
    EXPECT_EQ(body_in(send(body, 2, 6)), body);
}

// A client that changes to larger blocks halfway begins inside of what is there.
TEST_F(BlockUploadsTest, TakesABlockThatOverlapsWhatIsThere) {
    const auto body = text_body_of(700);
    for (std::uint32_t number = 0; number < 5; ++number)
        send(body, number, 2);  // 320 bytes
    EXPECT_EQ(std::get<Continue>(send(body, 1, 4)).block1, (BlockOption{1, true, 4}));
    EXPECT_EQ(body_in(send(body, 2, 4)), body);
}

TEST_F(BlockUploadsTest, AnswersARepeatedBlockWithoutTakingItTwice) {
    const auto body = text_body_of(700);
    send(body, 0, 4);
    send(body, 1, 4);
    EXPECT_TRUE(std::holds_alternative<Continue>(send(body, 1, 4)));
    EXPECT_EQ(body_in(send(body, 2, 4)), body);
}

// The commit that held the reading failed: the last block comes again and must find the rest still there.
TEST_F(BlockUploadsTest, GivesTheBodyAgainUntilItIsReleased) {
    const auto body = text_body_of(600);
    for (std::uint32_t number = 0; number < 3; ++number)
        send(body, number, 4);
    EXPECT_EQ(body_in(send(body, 2, 4)), body);
    EXPECT_TRUE(std::holds_alternative<Continue>(send(body, 1, 4)));
    const auto again = send(body, 2, 4);
    EXPECT_EQ(body_in(again), body);
    uploads_.release(std::get<Complete>(again).upload);
    uploads_.release(std::get<Complete>(again).upload);
    EXPECT_EQ(code_in(send(body, 2, 4)), Code::kRequestEntityIncomplete);
}

// A lost block is a gap; the block that fills it is still welcome.
TEST_F(BlockUploadsTest, AsksForAMissingBlockAndGoesOnWithIt) {
    const auto body = text_body_of(700);
    send(body, 0, 4);
    EXPECT_EQ(code_in(send(body, 2, 4)), Code::kRequestEntityIncomplete);
    EXPECT_TRUE(std::holds_alternative<Continue>(send(body, 1, 4)));
    EXPECT_EQ(body_in(send(body, 2, 4)), body);
}

TEST_F(BlockUploadsTest, RefusesToBeginInTheMiddle) {
    EXPECT_EQ(code_in(send(text_body_of(700), 1, 4)), Code::kRequestEntityIncomplete);
    EXPECT_EQ(uploads_.size(), 0U);
}

TEST_F(BlockUploadsTest, BeginsAnewWithEveryFirstBlock) {
    send(std::string(700, 'x'), 0, 4);
    send(std::string(700, 'x'), 1, 4);
    const auto body = text_body_of(600);
    send(body, 0, 4);
    send(body, 1, 4);
    EXPECT_EQ(body_in(send(body, 2, 4)), body);
    EXPECT_EQ(uploads_.size(), 1U);
}

TEST_F(BlockUploadsTest, RefusesABlockThatDoesNotFillItsSize) {
    EXPECT_EQ(code_in(send_payload({}, {0, true, 4}, text_body_of(255))), Code::kBadRequest);
    EXPECT_EQ(code_in(send_payload({}, {0, true, 4}, text_body_of(257))), Code::kBadRequest);
    EXPECT_EQ(code_in(send_payload({}, {0, false, 4}, text_body_of(257))), Code::kBadRequest);
    EXPECT_EQ(code_in(send_payload({}, {0, true, 4}, "")), Code::kBadRequest);
}

TEST_F(BlockUploadsTest, TakesAnEmptyLastBlock) {
    const auto body = text_body_of(256);
    send_payload({}, {0, true, 4}, body);
    EXPECT_EQ(body_in(send_payload({}, {1, false, 4}, "")), body);
    EXPECT_EQ(body_in(send_payload({}, {1, false, 4}, "")), body);
}

TEST_F(BlockUploadsTest, RefusesAnEndThatContradictsWhatCameBefore) {
    const auto body = text_body_of(900);
    for (std::uint32_t number = 0; number < 3; ++number)
        send(body, number, 4);
    EXPECT_EQ(code_in(send_payload({}, {1, false, 4}, "early")), Code::kRequestEntityIncomplete);
    EXPECT_EQ(uploads_.size(), 0U);

    for (std::uint32_t number = 0; number < 4; ++number)
        send(body, number, 4);
    EXPECT_EQ(code_in(send_payload({}, {4, false, 4}, "late")), Code::kRequestEntityIncomplete);
    EXPECT_EQ(uploads_.size(), 0U);
}

// RFC 7959 section 2.9.2: blocks of different formats are not one body.
TEST_F(BlockUploadsTest, RefusesAChangeOfFormat) {
    const auto body = text_body_of(600);
    send(body, 0, 4);
    EXPECT_EQ(code_in(send(body, 1, 4, {.content_format = 60})), Code::kRequestEntityIncomplete);
    EXPECT_EQ(uploads_.size(), 0U);
}

TEST_F(BlockUploadsTest, SaysWhatIsTheLargestBody) {
    const auto at_once = send(text_body_of(600), 0, 4, {.size1 = kMaxPayload + 1});
    EXPECT_EQ(code_in(at_once), Code::kRequestEntityTooLarge);
    EXPECT_EQ(std::get<Refused>(at_once).size1, kMaxPayload);
    EXPECT_EQ(uploads_.size(), 0U);

    const auto body = text_body_of(kMaxPayload + 1);
    for (std::uint32_t number = 0; number < 16; ++number) {
        ASSERT_TRUE(std::holds_alternative<Continue>(send(body, number, 6)));
    }
    EXPECT_EQ(code_in(send(body, 16, 6)), Code::kRequestEntityTooLarge);
    EXPECT_EQ(uploads_.size(), 0U);

    const auto fits = text_body_of(kMaxPayload);
    for (std::uint32_t number = 0; number < 15; ++number)
        send(fits, number, 6);
    EXPECT_EQ(body_in(send(fits, 15, 6)), fits);
}

TEST_F(BlockUploadsTest, KeepsSessionsPathsAndTagsApart) {
    const std::string one(300, '1');
    const std::string two(300, '2');
    send(one, 0, 4, {.session = 1});
    send(two, 0, 4, {.session = 2});
    EXPECT_EQ(body_in(send(one, 1, 4, {.session = 1})), one);
    EXPECT_EQ(body_in(send(two, 1, 4, {.session = 2})), two);

    send(one, 0, 4, {.session = 3, .path = "a/b"});
    send(two, 0, 4, {.session = 3, .path = "ab"});
    EXPECT_EQ(body_in(send(one, 1, 4, {.session = 3, .path = "a/b"})), one);
    EXPECT_EQ(body_in(send(two, 1, 4, {.session = 3, .path = "ab"})), two);

    send(one, 0, 4, {.session = 4, .tag = "t"});
    send(two, 0, 4, {.session = 4, .tag = "u"});
    EXPECT_EQ(body_in(send(one, 1, 4, {.session = 4, .tag = "t"})), one);
    EXPECT_EQ(body_in(send(two, 1, 4, {.session = 4, .tag = "u"})), two);
}

TEST_F(BlockUploadsTest, ForgetsAnEndedSession) {
    const auto body = text_body_of(600);
    send(body, 0, 4, {.session = 1});
    send(body, 0, 4, {.session = 2});
    uploads_.forget(1);
    uploads_.forget(9);
    EXPECT_EQ(uploads_.size(), 1U);
    EXPECT_EQ(code_in(send(body, 1, 4, {.session = 1})), Code::kRequestEntityIncomplete);
    EXPECT_TRUE(std::holds_alternative<Continue>(send(body, 1, 4, {.session = 2})));
}

TEST_F(BlockUploadsTest, DropsAnUploadThatFellSilent) {
    const auto body = text_body_of(600);
    send(body, 0, 4);
    clock_.advance(seconds(246));
    send(body, 1, 4);
    clock_.advance(seconds(246));
    uploads_.expire(clock_.now());
    EXPECT_EQ(uploads_.size(), 1U);
    clock_.advance(seconds(1));
    uploads_.expire(clock_.now());
    EXPECT_EQ(uploads_.size(), 0U);
    EXPECT_EQ(uploads_.bytes(), 0U);
}

// One node opens uploads without end: it pushes out its own.
TEST_F(BlockUploadsTest, HoldsAFloodOfOneSessionToItsShare) {
    const auto body = text_body_of(600);
    send(body, 0, 4, {.session = 2});
    for (int i = 0; i < 500; ++i) {
        send(body, 0, 4, {.session = 1, .tag = std::to_string(i)});
        ASSERT_LE(uploads_.size(), 3U);
    }
    EXPECT_EQ(uploads_.pushed_out(), 498U);
    EXPECT_TRUE(std::holds_alternative<Continue>(send(body, 1, 4, {.session = 2})));
}

TEST_F(BlockUploadsTest, HoldsAFloodOfAllSessionsToItsLimits) {
    const auto body = text_body_of(10'000);
    for (SessionId session = 1; session <= 500; ++session) {
        for (std::uint32_t number = 0; number < 9; ++number) {
            ASSERT_TRUE(std::holds_alternative<Continue>(send(body, number, 6, {.session = session})));
            ASSERT_LE(uploads_.size(), 50U);
            ASSERT_LE(uploads_.bytes(), 100'000U);
        }
        ASSERT_EQ(body_in(send(body, 9, 6, {.session = session})), body)
            << "the one that talks must get through";
    }
    EXPECT_GT(uploads_.pushed_out(), 0U);
}

}  // namespace
}  // namespace narrowgate::coap
