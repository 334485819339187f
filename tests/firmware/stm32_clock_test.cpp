// SPDX-License-Identifier: Apache-2.0
//
// The clock tree and the timer behind all times, with each oscillator that may fail.
#include <gtest/gtest.h>

#include "boards/stm32f207/clock.h"
#include "boards/stm32f207/systick.h"
#include "firmware/stm32_chip.hpp"

namespace narrowgate::firmware {
namespace {

class Stm32ClockTest : public ::testing::Test {
protected:
    std::uint32_t divider_m() { return chip_.values[RCC_PLLCFGR] & 0x3f; }
    bool runs_on_pll() { return (chip_.values[RCC_CFGR] & RCC_CFGR_SWS) == RCC_CFGR_SWS_PLL; }

    Stm32Chip chip_;
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
    EXPECT_TRUE(chip_.in_order({RCC_CR, RCC_CR_HSEBYP}, {RCC_CR, RCC_CR_HSEON}));
}

// Otherwise the core would read rubbish from its flash.
TEST_F(Stm32ClockTest, FlashAndBusesAreSlowedBeforeTheCoreIsFast) {
    st_clock_start();
    EXPECT_TRUE(chip_.in_order({FLASH_ACR, 3}, {RCC_CFGR, RCC_CFGR_SW_PLL}));
    EXPECT_TRUE(chip_.in_order({RCC_CFGR, RCC_CFGR_PPRE1_4 | RCC_CFGR_PPRE2_2}, {RCC_CFGR, RCC_CFGR_SW_PLL}));
}

TEST_F(Stm32ClockTest, WithoutTheBoardsClockItMakes120MHzItself) {
    chip_.hse_works = false;
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
    chip_.locks_on_hse = false;
    EXPECT_EQ(st_clock_start().source, ST_CLOCK_HSI_PLL);
    EXPECT_EQ(divider_m(), 16U);
    EXPECT_TRUE(runs_on_pll());
}

TEST_F(Stm32ClockTest, WithoutAPllItRunsAt16MHzAndSaysSo) {
    chip_.locks_on_hse = chip_.locks_on_hsi = false;
    const st_clock clock = st_clock_start();
    EXPECT_EQ(clock.source, ST_CLOCK_HSI);
    EXPECT_EQ(clock.core_hz, 16'000'000U);
    EXPECT_EQ(clock.apb1_hz, 16'000'000U);
    EXPECT_EQ(clock.apb2_hz, 16'000'000U);
    EXPECT_FALSE(runs_on_pll());
    EXPECT_EQ(chip_.values[RCC_CFGR] & RCC_CFGR_PRESCALERS, 0U);
}

TEST_F(Stm32ClockTest, ACoreThatDoesNotSwitchIsBelievedToBeSlow) {
    chip_.switches = false;
    const st_clock clock = st_clock_start();
    EXPECT_EQ(clock.source, ST_CLOCK_HSI);
    EXPECT_EQ(chip_.values[RCC_CFGR] & RCC_CFGR_SW, RCC_CFGR_SW_HSI);
    EXPECT_EQ(chip_.values[RCC_CFGR] & RCC_CFGR_PRESCALERS, 0U);
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
