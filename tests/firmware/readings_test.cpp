// SPDX-License-Identifier: Apache-2.0
#include "readings/ring.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

namespace narrowgate::firmware {
namespace {

class NodeReadingsTest : public ::testing::Test {
protected:
    NodeReadingsTest() {
        std::mt19937 random(5);
        auto* bytes = reinterpret_cast<unsigned char*>(slots_.data());
        for (std::size_t i = 0; i < sizeof slots_; ++i)
            bytes[i] = static_cast<unsigned char>(random());
        rg_init(&ring_, slots_.data());
    }

    void put(std::uint32_t at) {
        rg_reading reading{};
        reading.at_s = at;
        reading.count = 1;
        reading.mantissas[0] = static_cast<std::int32_t>(at) * 10;
        rg_put(&ring_, &reading);
    }
    // As after a reset: only the memory is left.
    void reset() {
        std::memset(&ring_, 0x77, sizeof ring_);
        rg_init(&ring_, slots_.data());
    }
    std::vector<std::uint32_t> all() const {
        std::vector<std::uint32_t> times;
        for (std::uint32_t i = 0; rg_peek(&ring_, i) != nullptr; ++i)
            times.push_back(rg_peek(&ring_, i)->at_s);
        return times;
    }

    std::array<rg_slot, RG_SLOTS> slots_;
    rg_ring ring_{};
};

TEST_F(NodeReadingsTest, MemoryAfterALossOfSupplyIsAnEmptyRing) {
    EXPECT_EQ(ring_.count, 0U);
    EXPECT_EQ(rg_peek(&ring_, 0), nullptr);
    rg_pop(&ring_);
    EXPECT_EQ(ring_.count, 0U);
}

TEST_F(NodeReadingsTest, OldestFirstAndOverAReset) {
    for (std::uint32_t at = 100; at < 110; ++at)
        put(at);
    rg_pop(&ring_);
    reset();
    EXPECT_EQ(all(), (std::vector<std::uint32_t>{101, 102, 103, 104, 105, 106, 107, 108, 109}));
    EXPECT_EQ(rg_peek(&ring_, 0)->mantissas[0], 1'010);
    put(110);
    reset();
    EXPECT_EQ(ring_.count, 10U);
    EXPECT_EQ(rg_peek(&ring_, 9)->at_s, 110U);
}

TEST_F(NodeReadingsTest, FullItKeepsTheNewestAndCountsWhatWent) {
    for (std::uint32_t at = 0; at < RG_SLOTS + 10; ++at)
        put(at);
    EXPECT_EQ(ring_.count, RG_SLOTS);
    EXPECT_EQ(ring_.dropped, 10U);
    EXPECT_EQ(rg_peek(&ring_, 0)->at_s, 10U);
    reset();
    EXPECT_EQ(ring_.count, RG_SLOTS);
    EXPECT_EQ(all().back(), RG_SLOTS + 9);
}

TEST_F(NodeReadingsTest, EmptiedItGoesOn) {
    for (int round = 0; round < 5; ++round) {
        for (std::uint32_t at = 0; at < 20; ++at)
            put(at);
        while (ring_.count > 0)
            rg_pop(&ring_);
        reset();
        EXPECT_EQ(ring_.count, 0U);
    }
    put(7);
    EXPECT_EQ(all(), (std::vector<std::uint32_t>{7}));
}

// Power lost in the middle of a write: any byte of the newest slot is wrong. It is lost, the others are not.
TEST_F(NodeReadingsTest, ATornWriteCostsThatReadingAlone) {
    for (std::uint32_t at = 1; at <= 5; ++at)
        put(at);
    const auto whole = slots_;
    rg_slot& newest = slots_[5 % RG_SLOTS];
    for (std::size_t byte = 0; byte < sizeof(rg_slot); ++byte) {
        slots_ = whole;
        reinterpret_cast<unsigned char*>(&newest)[byte] ^= 0x10;
        reset();
        EXPECT_EQ(all(), (std::vector<std::uint32_t>{1, 2, 3, 4})) << byte;
    }
}

}  // namespace
}  // namespace narrowgate::firmware
