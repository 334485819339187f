// SPDX-License-Identifier: Apache-2.0
#include "coap/blocks.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "fakes/manual_clock.hpp"
#include "narrowgate/coap/blockwise.hpp"
#include "narrowgate/coap/message_layer.hpp"

namespace narrowgate::firmware {
namespace {

// A node that fetches from the gateway's own message layer, which slices for a session of `room` bytes.
class NodeBlocksTest : public ::testing::Test {
protected:
    NodeBlocksTest() {
        const co_options options{10'000, 4, 90'000, [](void*) -> std::uint32_t { return 7; }, nullptr};
        co_init(&client_, &options, nullptr);
        begins(1'024);
    }

    void begins(std::size_t capacity) {
        out_.assign(capacity, 0xee);
        const co_request request{.method = CO_GET,
                                 .confirmable = true,
                                 .path = "long",
                                 .content_format = CO_NO_FORMAT,
                                 .accept = CO_NO_FORMAT,
                                 .no_response = 0,
                                 .payload = nullptr,
                                 .payload_size = 0,
                                 .block2 = nullptr,
                                 .time_ms = nullptr};
        co_blocks_init(&blocks_, &request, out_.data(), out_.size());
    }

    // One request and its answer.
    co_blocks_state step() {
        if (!co_blocks_ask(&blocks_, &client_)) return blocks_.state;
        std::size_t size = 0;
        const std::uint8_t* bytes = co_take(&client_, 0, &size);
        const auto verdict = layer_.receive(1, ByteView(bytes, size), {}, clock_.now());
        const auto* request = std::get_if<coap::Request>(&verdict);
        if (request == nullptr) return CO_BLOCKS_BROKEN;
        asked_.push_back(request->block2);
        const auto slice = coap::slice(bytes_of(body_), request->block2, room_);
        coap::Response response = {.code = coap::Code::kBadRequest};
        if (slice) {
            response = {.code = coap::Code::kContent,
                        .content_format = 40,
                        .size2 = slice->size2,
                        .block2 = slice->block2,
                        .etag = coap::etag_of(bytes_of(body_)),
                        .payload = slice->payload};
        }
        reply_ = coap::respond(request->asked, response);
        EXPECT_LE(reply_.size(), room_);
        EXPECT_TRUE(co_receive(&client_, reply_.data(), reply_.size(), 0));
        const co_blocks_state state = co_blocks_take(&blocks_, &client_.response);
        co_close(&client_);
        return state;
    }
    co_blocks_state fetches() {
        co_blocks_state state = CO_BLOCKS_GOING;
        for (int i = 0; i < 100 && state == CO_BLOCKS_GOING; ++i)
            state = step();
        return state;
    }
    std::string fetched() const {
        return std::string(out_.begin(), out_.begin() + static_cast<long>(blocks_.size));
    }
    static std::string text(std::size_t size) {
        std::string text;
        while (text.size() < size)
            text += std::to_string(text.size()) + ",";
        text.resize(size);
        return text;
    }

    // An answer that no gateway of ours gives.
    co_blocks_state takes(std::uint32_t block2, std::size_t size, std::string_view etag = "e") {
        const std::string payload(size, 'x');
        co_message response{};
        response.code = CO_CONTENT;
        response.has_block2 = true;
        response.block2 = block2;
        response.etag = bytes_of(etag).data();
        response.etag_size = etag.size();
        response.payload = bytes_of(payload).data();
        response.payload_size = size;
        return co_blocks_take(&blocks_, &response);
    }

    fakes::ManualClock clock_;
    coap::MessageLayer layer_;
    co_client client_;
    co_blocks blocks_;
    Bytes out_, reply_;
    std::string body_ = text(1'000);
    std::size_t room_ = 474;  // of a datagram of 512 bytes
    std::vector<std::optional<coap::BlockOption>> asked_;
};

TEST_F(NodeBlocksTest, ALongAnswerComesInBlocksThatFit) {
    EXPECT_EQ(fetches(), CO_BLOCKS_COMPLETE);
    EXPECT_EQ(fetched(), body_);
    EXPECT_EQ(blocks_.content_format, 40);
    ASSERT_EQ(asked_.size(), 4U);
    for (std::uint32_t i = 0; i < 4; ++i)
        EXPECT_EQ(asked_[i], (coap::BlockOption{i, false, 4}));
}

TEST_F(NodeBlocksTest, OneThatEndsWithABlockOrIsEmptyIsWhole) {
    for (const std::size_t size : {0U, 1U, 255U, 256U, 257U, 512U, 1'024U}) {
        body_ = text(size);
        begins(1'024);
        EXPECT_EQ(fetches(), CO_BLOCKS_COMPLETE) << size;
        EXPECT_EQ(fetched(), body_);
    }
}

// RFC 7959 section 2.4: the gateway may use smaller blocks, and the next number counts in those.
TEST_F(NodeBlocksTest, TheGatewayMayUseSmallerBlocks) {
    room_ = 120;
    EXPECT_EQ(fetches(), CO_BLOCKS_COMPLETE);
    EXPECT_EQ(fetched(), body_);
    ASSERT_GE(asked_.size(), 2U);
    EXPECT_EQ(asked_[1]->number, 1U);
    EXPECT_EQ(asked_[1]->szx, 2U);
}

TEST_F(NodeBlocksTest, WhatChangesMeanwhileIsFetchedAnew) {
    ASSERT_EQ(step(), CO_BLOCKS_GOING);
    ASSERT_EQ(step(), CO_BLOCKS_GOING);
    body_ = "new " + text(700);
    EXPECT_EQ(fetches(), CO_BLOCKS_COMPLETE);
    EXPECT_EQ(fetched(), body_);
}

TEST_F(NodeBlocksTest, WhatChangesEachTimeIsGivenUp) {
    int steps = 0;
    while (step() == CO_BLOCKS_GOING && ++steps < 100)
        body_[0] = static_cast<char>('a' + steps % 26);
    EXPECT_EQ(blocks_.state, CO_BLOCKS_BROKEN);
    EXPECT_LE(steps, 10);
}

TEST_F(NodeBlocksTest, MoreThanThereIsRoomForIsNotFetched) {
    begins(600);
    EXPECT_EQ(fetches(), CO_BLOCKS_TOO_LONG);
    EXPECT_EQ(asked_.size(), 3U);
    EXPECT_FALSE(co_blocks_ask(&blocks_, &client_));
}

TEST_F(NodeBlocksTest, ARefusalEndsIt) {
    ASSERT_EQ(step(), CO_BLOCKS_GOING);
    ASSERT_EQ(step(), CO_BLOCKS_GOING);
    body_ = text(100);  // and block 2 begins behind its end
    EXPECT_EQ(fetches(), CO_BLOCKS_REFUSED);
    EXPECT_EQ(blocks_.code, CO_CODE(4, 0));
}

TEST_F(NodeBlocksTest, AnswersThatMakeNoSenseEndIt) {
    struct Case {
        const char* name;
        std::uint32_t block2;
        std::size_t size;
    };
    // Behind a first block of 256 bytes.
    for (const Case& each :
         {Case{"another block", 2 << 4 | 8 | 4, 256}, Case{"the first again", 0 << 4 | 8 | 4, 256},
          Case{"larger", 0 << 4 | 8 | 5, 512}, Case{"the reserved size", 1 << 4 | 8 | 7, 256},
          Case{"too short for one that is followed", 1 << 4 | 8 | 4, 255}, Case{"too long", 1 << 4 | 4, 257},
          Case{"empty, and more", 1 << 4 | 8 | 4, 0}}) {
        begins(1'024);
        ASSERT_EQ(takes(0 << 4 | 8 | 4, 256), CO_BLOCKS_GOING);
        EXPECT_EQ(takes(each.block2, each.size), CO_BLOCKS_BROKEN) << each.name;
        EXPECT_EQ(takes(1 << 4 | 4, 256), CO_BLOCKS_BROKEN) << each.name;
    }
}

}  // namespace
}  // namespace narrowgate::firmware
