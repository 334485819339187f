// SPDX-License-Identifier: Apache-2.0
#include "dtls/pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace narrowgate::firmware {
namespace {

class NodePoolTest : public ::testing::Test {
protected:
    NodePoolTest() {
        std::memset(pool_.get(), 0xee, sizeof(dt_pool));
        dt_pool_init(pool_.get());
        dt_pool_use(pool_.get());
    }
    ~NodePoolTest() override { dt_pool_use(nullptr); }

    std::unique_ptr<dt_pool> pool_ = std::make_unique<dt_pool>();
};

TEST_F(NodePoolTest, GivesAllOfItAsOneBlockAgainAndAgain) {
    for (int i = 0; i < 3; ++i) {
        void* all = dt_pool_calloc(1, DT_POOL_BYTES - 8);
        ASSERT_NE(all, nullptr);
        EXPECT_EQ(pool_->used_bytes, DT_POOL_BYTES);
        EXPECT_EQ(dt_pool_calloc(1, 1), nullptr);
        std::memset(all, 0xff, DT_POOL_BYTES - 8);
        dt_pool_free(all);
        EXPECT_EQ(pool_->used_bytes, 0U);
    }
    EXPECT_EQ(pool_->refusals, 3U);
}

TEST_F(NodePoolTest, ARequestThatOverflowsIsRefused) {
    EXPECT_EQ(dt_pool_calloc(SIZE_MAX / 2, 4), nullptr);
    EXPECT_EQ(dt_pool_calloc(SIZE_MAX, SIZE_MAX), nullptr);
    EXPECT_EQ(dt_pool_calloc(1, DT_POOL_BYTES), nullptr);
    EXPECT_EQ(pool_->used_bytes, 0U);
}

TEST_F(NodePoolTest, WithoutAPoolNothingIsGiven) {
    dt_pool_use(nullptr);
    EXPECT_EQ(dt_pool_calloc(1, 1), nullptr);
    dt_pool_free(nullptr);
}

// Random sizes in random order: what is given is zero, aligned, and nobody else's; in the end all is one
// block again.
TEST_F(NodePoolTest, BlocksNeverTouchEachOther) {
    std::mt19937 random(7);
    struct Held {
        unsigned char* bytes;
        std::size_t size;
        unsigned char mark;
    };
    std::vector<Held> held;
    const auto give_back = [&](std::size_t at) {
        for (std::size_t i = 0; i < held[at].size; ++i)
            ASSERT_EQ(held[at].bytes[i], held[at].mark);
        dt_pool_free(held[at].bytes);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    };
    unsigned given = 0;
    for (int step = 0; step < 20'000; ++step) {
        if (!held.empty() && random() % 2 == 0) {
            give_back(random() % held.size());
            continue;
        }
        const std::size_t size = random() % 300;
        auto* bytes = static_cast<unsigned char*>(dt_pool_calloc(1, size));
        if (bytes == nullptr) continue;
        ++given;
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % 8, 0U);
        for (std::size_t i = 0; i < size; ++i)
            ASSERT_EQ(bytes[i], 0);
        const auto mark = static_cast<unsigned char>(1 + step % 255);
        std::memset(bytes, mark, size);
        held.push_back({bytes, size, mark});
    }
    EXPECT_GT(given, 1'000U);
    EXPECT_GT(pool_->refusals, 0U);
    while (!held.empty())
        give_back(0);
    EXPECT_EQ(pool_->used_bytes, 0U);
    EXPECT_NE(dt_pool_calloc(1, DT_POOL_BYTES - 8), nullptr);
}

}  // namespace
}  // namespace narrowgate::firmware
