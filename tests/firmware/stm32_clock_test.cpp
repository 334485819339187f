// SPDX-License-Identifier: Apache-2.0
//
// The clock tree and the timer behind all times, with each oscillator that may fail.
#include <gtest/gtest.h>

#include "boards/stm32f207/clock.h"
#include "boards/stm32f207/systick.h"
#include "firmware/register_model.hpp"

namespace narrowgate::firmware {
namespace {

class Stm32ClockTest : public ::testing::Test {
protected:
    Stm32ClockTest() {
        chip_.values[RCC_CR] = RCC_CR_HSION | RCC_CR_HSIRDY;
        chip_.values[RCC_PLLCFGR] = 0x24003010;  // after a reset
        chip_.on_write[RCC_CR] = [this](std::uint32_t, std::uint32_t now) {
            now &= ~(RCC_CR_HSERDY | RCC_CR_PLLRDY);
            if ((now & RCC_CR_HSEON) != 0 && hse_works_) now |= RCC_CR_HSERDY;
            const bool from_hse = (chip_.values[RCC_PLLCFGR] & RCC_PLLCFGR_SRC_HSE) != 0;
            if ((now & RCC_CR_PLLON) != 0 && (from_hse ? locks_on_hse_ : locks_on_hsi_)) now |= RCC_CR_PLLRDY;
            return now;
        };
        chip_.on_write[RCC_CFGR] = [this](std::uint32_t old, std::uint32_t now) {
            const std::uint32_t status = switches_ ? (now & RCC_CFGR_SW) << 2 : old & RCC_CFGR_SWS;
            return (now & ~RCC_CFGR_SWS) | status;
        };
    }

    std::uint32_t divider_m() { return chip_.values[RCC_PLLCFGR] & 0x3f; }
    bool runs_on_pll() { return (chip_.values[RCC_CFGR] & RCC_CFGR_SWS) == RCC_CFGR_SWS_PLL; }

    RegisterModel chip_;
    bool hse_works_ = true;
    bool locks_on_hse_ = true;
    bool locks_on_hsi_ = true;
    bool switches_ = true;
};

TEST_F(Stm32ClockTest, RunsAt120MHzFromTheBoardsClock) {
    const st_clock clock = st_clock_start();
    EXPECT_EQ(clock.source, ST_CLOCK_HSE);
    EXPECT_EQ(clock.core_hz, 120'000'000U);
    EXPECT_EQ(clock.apb1_hz, 30'000'000U);  // the data sheet's limit
    EXPECT_EQ(clock.apb2_hz, 60'000'000U);
    EXPECT_TRUE(runs_on_pll());
    // 8 MHz / 8 * 240 / 2 is 120 MHz, / 5 is 48 MHz; the reserved bits stay.
    EXPECT_EQ(chip_.values[RCC_PLLCFGR], 0x20000000U | 5U << 24 | RCC_PLLCFGR_SRC_HSE | 240U << 6 | 8U);
    // A clock that stops later is noticed.
    EXPECT_NE(chip_.values[RCC_CR] & RCC_CR_CSSON, 0U);
    // It is no crystal, which must be said before it is switched on.
    EXPECT_LT(chip_.position_of(RCC_CR, RCC_CR_HSEBYP), chip_.position_of(RCC_CR, RCC_CR_HSEON));
}

// Otherwise the core would read rubbish from its flash.
TEST_F(Stm32ClockTest, FlashAndBusesAreSlowedBeforeTheCoreIsFast) {
    st_clock_start();
    const long fast = chip_.position_of(RCC_CFGR, RCC_CFGR_SW_PLL);
    ASSERT_GT(fast, 0);
    EXPECT_LT(chip_.position_of(FLASH_ACR, 3), fast);
    EXPECT_LT(chip_.position_of(RCC_CFGR, RCC_CFGR_PPRE1_4 | RCC_CFGR_PPRE2_2), fast);
}

TEST_F(Stm32ClockTest, WithoutTheBoardsClockItMakes120MHzItself) {
    hse_works_ = false;
    const st_clock clock = st_clock_start();
    EXPECT_EQ(clock.source, ST_CLOCK_HSI_PLL);
    EXPECT_EQ(clock.core_hz, 120'000'000U);
    EXPECT_TRUE(runs_on_pll());
    EXPECT_EQ(divider_m(), 16U);
    EXPECT_EQ(chip_.values[RCC_PLLCFGR] & RCC_PLLCFGR_SRC_HSE, 0U);
    EXPECT_EQ(chip_.values[RCC_CR] & (RCC_CR_HSEON | RCC_CR_CSSON), 0U);
    EXPECT_LT(chip_.reads, 5'000U);  // 160 000 of a chip that is waited for
}

TEST_F(Stm32ClockTest, AClockThatThePllDoesNotLockOnIsLeft) {
    locks_on_hse_ = false;
    EXPECT_EQ(st_clock_start().source, ST_CLOCK_HSI_PLL);
    EXPECT_EQ(divider_m(), 16U);
    EXPECT_TRUE(runs_on_pll());
}

TEST_F(Stm32ClockTest, WithoutAPllItRunsAt16MHzAndSaysSo) {
    locks_on_hse_ = locks_on_hsi_ = false;
    const st_clock clock = st_clock_start();
    EXPECT_EQ(clock.source, ST_CLOCK_HSI);
    EXPECT_EQ(clock.core_hz, 16'000'000U);
    EXPECT_EQ(clock.apb1_hz, 16'000'000U);
    EXPECT_EQ(clock.apb2_hz, 16'000'000U);
    EXPECT_FALSE(runs_on_pll());
    EXPECT_EQ(chip_.values[RCC_CFGR] & RCC_CFGR_PRESCALERS, 0U);
}

TEST_F(Stm32ClockTest, ACoreThatDoesNotSwitchIsBelievedToBeSlow) {
    switches_ = false;
    const st_clock clock = st_clock_start();
    EXPECT_EQ(clock.source, ST_CLOCK_HSI);
    EXPECT_EQ(chip_.values[RCC_CFGR] & RCC_CFGR_SW, RCC_CFGR_SW_HSI);
}

// Stop leaves the core on its own oscillator, with everything else switched off.
TEST_F(Stm32ClockTest, StartsAgainAfterStop) {
    st_clock_start();
    chip_.values[RCC_CR] = RCC_CR_HSION | RCC_CR_HSIRDY | RCC_CR_HSEBYP;
    chip_.values[RCC_CFGR] &= ~(RCC_CFGR_SW | RCC_CFGR_SWS);
    EXPECT_EQ(st_clock_start().source, ST_CLOCK_HSE);
    EXPECT_TRUE(runs_on_pll());
}

TEST_F(Stm32ClockTest, AMillisecondIsOneWhateverTheCoreRunsAt) {
    for (const std::uint32_t core_hz : {120'000'000U, 16'000'000U}) {
        st_systick_start(core_hz);
        EXPECT_EQ(chip_.values[SYSTICK_LOAD], core_hz / 1000 - 1);
        EXPECT_EQ(chip_.values[SYSTICK_CTRL], 7U);  // on, with interrupt, by the core's clock
    }
    st_systick_stop();
    EXPECT_EQ(chip_.values[SYSTICK_CTRL], 0U);
}

}  // namespace
}  // namespace narrowgate::firmware
