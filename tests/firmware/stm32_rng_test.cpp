// SPDX-License-Identifier: Apache-2.0
//
// A random number generator that fails in each way that it can say, and in two that it cannot.
#include <gtest/gtest.h>

#include <array>

#include "boards/stm32f207/rng.h"
#include "firmware/register_model.hpp"

namespace narrowgate::firmware {
namespace {

class Stm32RngTest : public ::testing::Test {
protected:
    Stm32RngTest() {
        chip_.on_write[RNG_CR] = [this](std::uint32_t, std::uint32_t now) {
            if ((now & RNG_CR_RNGEN) != 0) {
                ++beginnings_;
                if (heals_) chip_.values[RNG_SR] = 0;
            }
            return now;
        };
        // Interrupt flags go by writing 0; the state bits are the generator's.
        chip_.on_write[RNG_SR] = [](std::uint32_t old, std::uint32_t) { return old; };
        chip_.on_read[RNG_SR] = [this](std::uint32_t flags) {
            return flags | (numbers_.empty() || flags != 0 ? 0U : RNG_SR_DRDY);
        };
        chip_.on_read[RNG_DR] = [this](std::uint32_t) {
            const std::uint32_t number = numbers_.front();
            if (!stuck_) numbers_.pop_front();
            return number;
        };
    }

    bool fill(std::size_t size = 8) {
        bytes_.fill(0xee);
        return st_rng_fill(&rng_, bytes_.data(), size);
    }

    RegisterModel chip_;
    std::deque<std::uint32_t> numbers_ = {0x11111111, 0x04030201, 0x08070605,
                                          0x0c0b0a09, 0x100f0e0d, 0x14131211};
    bool heals_ = false;
    bool stuck_ = false;
    int beginnings_ = 0;
    st_rng rng_{};
    std::array<std::uint8_t, 16> bytes_{};
};

// RM0033: the first number is there to compare the next with.
TEST_F(Stm32RngTest, GivesWhatTheGeneratorGaveButTheFirst) {
    st_rng_start(&rng_);
    EXPECT_NE(chip_.values[RCC_AHB2ENR] & RCC_AHB2ENR_RNG, 0U);
    ASSERT_TRUE(fill(6));
    EXPECT_EQ(bytes_[0], 1);
    EXPECT_EQ(bytes_[5], 6);
    EXPECT_EQ(bytes_[6], 0xee);  // no byte more than asked for
    ASSERT_TRUE(fill(1));
    EXPECT_EQ(bytes_[0], 9);  // what was left of a number is not kept
    EXPECT_EQ(rng_.fault, ST_RNG_GOOD);
    EXPECT_EQ(beginnings_, 1);
}

TEST_F(Stm32RngTest, ABadSeedIsSownAgain) {
    st_rng_start(&rng_);
    chip_.values[RNG_SR] = RNG_SR_SEIS | RNG_SR_SECS;
    heals_ = true;
    EXPECT_TRUE(fill());
    EXPECT_EQ(beginnings_, 2);
    EXPECT_EQ(bytes_[0], 1);  // and the first number again only compared with
}

TEST_F(Stm32RngTest, AFaultThatStaysFailsClosed) {
    const std::pair<std::uint32_t, st_rng_fault> faults[] = {
        {RNG_SR_SECS, ST_RNG_BAD_SEED},
        {RNG_SR_SEIS, ST_RNG_BAD_SEED},
        {RNG_SR_CECS, ST_RNG_NO_CLOCK},
        {RNG_SR_CEIS, ST_RNG_NO_CLOCK},
    };
    st_rng_start(&rng_);
    for (const auto& [flag, fault] : faults) {
        chip_.values[RNG_SR] = flag;
        EXPECT_FALSE(fill());
        EXPECT_EQ(rng_.fault, fault);
        for (std::size_t i = 0; i < 8; ++i)
            EXPECT_EQ(bytes_[i], 0);
    }
    chip_.values[RNG_SR] = 0;
    EXPECT_TRUE(fill());
}

TEST_F(Stm32RngTest, AFlagBetweenTwoNumbersCostsWhatWasThereAlready) {
    st_rng_start(&rng_);
    chip_.on_read[RNG_DR] = [this](std::uint32_t) {
        const std::uint32_t number = numbers_.front();
        numbers_.pop_front();
        if (numbers_.size() == 3) chip_.values[RNG_SR] = RNG_SR_SECS;
        return number;
    };
    EXPECT_FALSE(fill());
    EXPECT_EQ(bytes_[0], 0);
}

TEST_F(Stm32RngTest, AGeneratorThatGivesNothingIsNotWaitedForForEver) {
    st_rng_start(&rng_);
    numbers_.clear();
    EXPECT_FALSE(fill());
    EXPECT_EQ(rng_.fault, ST_RNG_SILENT);
    EXPECT_LT(chip_.reads, 10'000U);
}

TEST_F(Stm32RngTest, OneThatRepeatsItselfForEverIsNoGenerator) {
    st_rng_start(&rng_);
    stuck_ = true;
    EXPECT_FALSE(fill());
    EXPECT_EQ(rng_.fault, ST_RNG_REPEATS);
}

// Once in four thousand million numbers that is chance.
TEST_F(Stm32RngTest, ANumberThatComesTwiceOnceIsDroppedAndAllBeginsAnew) {
    st_rng_start(&rng_);
    numbers_ = {5, 6, 6, 7, 8, 9};
    EXPECT_TRUE(fill(8));
    EXPECT_EQ(bytes_[0], 6);
    EXPECT_EQ(bytes_[4], 8);  // 7 was compared with
    EXPECT_EQ(beginnings_, 2);
}

}  // namespace
}  // namespace narrowgate::firmware
