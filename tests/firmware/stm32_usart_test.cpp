// SPDX-License-Identifier: Apache-2.0
//
// Serial ports and pins.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "boards/stm32f207/gpio.h"
#include "boards/stm32f207/usart.h"
#include "firmware/register_model.hpp"

namespace narrowgate::firmware {
namespace {

class Stm32UsartTest : public ::testing::Test {
protected:
    Stm32UsartTest() { st_usart_start(&usart_, USART6_BASE, 60'000'000, 9'600); }

    void comes(std::uint8_t byte, std::uint32_t flags = USART_SR_RXNE) {
        chip_.values[USART6_BASE + USART_SR] = flags | USART_SR_TXE;
        chip_.values[USART6_BASE + USART_DR] = byte;
        st_usart_interrupt(&usart_);
    }
    std::string read(std::size_t size = 1'000) {
        std::string text(size, '\0');
        text.resize(st_usart_read(&usart_, reinterpret_cast<std::uint8_t*>(text.data()), size));
        return text;
    }

    RegisterModel chip_;
    st_usart usart_{};
};

TEST_F(Stm32UsartTest, SpeaksAtTheRateThatWasAskedForWhateverTheBusRunsAt) {
    const std::tuple<std::uint32_t, std::uint32_t, std::uint32_t> rates[] = {{60'000'000, 9'600, 6'250},
                                                                             {30'000'000, 115'200, 260},
                                                                             {16'000'000, 9'600, 1'667},
                                                                             {16'000'000, 115'200, 139}};
    for (const auto& [clock_hz, baud, divisor] : rates) {
        st_usart_start(&usart_, USART6_BASE, clock_hz, baud);
        EXPECT_EQ(chip_.values[USART6_BASE + USART_BRR], divisor);
        // A receiver takes 3 %; half of that is the modem's.
        EXPECT_NEAR(clock_hz / static_cast<double>(divisor), baud, baud * 0.015);
    }
    EXPECT_EQ(chip_.values[USART6_BASE + USART_CR1],
              USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE);
}

TEST_F(Stm32UsartTest, WhatComesIsReadInItsOrder) {
    for (const char byte : std::string("OK\r\n"))
        comes(static_cast<std::uint8_t>(byte));
    EXPECT_TRUE(st_usart_has_bytes(&usart_));
    EXPECT_EQ(read(2), "OK");
    EXPECT_EQ(read(), "\r\n");
    EXPECT_FALSE(st_usart_has_bytes(&usart_));
    EXPECT_EQ(st_usart_lost(&usart_), 0U);
}

TEST_F(Stm32UsartTest, AnInterruptThatIsNotOursReadsNothing) {
    comes('x', 0);
    EXPECT_EQ(read(), "");
}

TEST_F(Stm32UsartTest, AFullRingKeepsWhatCameFirstAndCountsTheRest) {
    for (unsigned i = 0; i < ST_USART_RING_BYTES + 10; ++i)
        comes(static_cast<std::uint8_t>('a' + i % 26));
    EXPECT_EQ(usart_.dropped, 10U);
    EXPECT_EQ(st_usart_lost(&usart_), 10U);
    EXPECT_EQ(st_usart_lost(&usart_), 0U);  // once
    const std::string text = read();
    EXPECT_EQ(text.size(), ST_USART_RING_BYTES);
    EXPECT_EQ(text.substr(0, 3), "abc");
    comes('!');
    EXPECT_EQ(read(), "!");
}

// The byte that is there is good, the one behind it was lost.
TEST_F(Stm32UsartTest, AnOverrunKeepsTheByteAndCountsTheOther) {
    comes('A', USART_SR_RXNE | USART_SR_ORE);
    EXPECT_EQ(read(), "A");
    EXPECT_EQ(usart_.overruns, 1U);
    // RM0033: the flag can be there alone, and the interrupt would come for ever if the data were not read.
    const auto reads = chip_.reads;
    comes('B', USART_SR_ORE);
    EXPECT_EQ(chip_.reads, reads + 2);
    EXPECT_EQ(read(), "");
    EXPECT_EQ(st_usart_lost(&usart_), 2U);
}

TEST_F(Stm32UsartTest, AByteWithoutAStopBitIsNone) {
    comes(0x00, USART_SR_RXNE | USART_SR_FE);
    comes(0xfe, USART_SR_RXNE | USART_SR_NF);
    EXPECT_EQ(read(), "");
    EXPECT_EQ(usart_.framing, 2U);
    EXPECT_EQ(st_usart_lost(&usart_), 2U);
}

TEST_F(Stm32UsartTest, TheRingGoesOnWhenItsCountersWrap) {
    usart_.head = 0xfffffffe;
    usart_.tail = 0xfffffffe;
    for (const char byte : std::string("wrap"))
        comes(static_cast<std::uint8_t>(byte));
    EXPECT_EQ(read(), "wrap");
}

TEST_F(Stm32UsartTest, WritingTakesWhatTheLineTakesNow) {
    int room = 2;
    std::string line;
    chip_.on_read[USART6_BASE + USART_SR] = [&](std::uint32_t) { return room > 0 ? USART_SR_TXE : 0U; };
    chip_.on_write[USART6_BASE + USART_DR] = [&](std::uint32_t, std::uint32_t byte) {
        --room;
        line.push_back(static_cast<char>(byte));
        return byte;
    };
    const std::array<std::uint8_t, 3> bytes = {'A', 'T', '\r'};
    EXPECT_EQ(st_usart_write(&usart_, bytes.data(), bytes.size()), 2U);
    EXPECT_EQ(st_usart_write(&usart_, bytes.data() + 2, 1), 0U);
    room = 1;
    EXPECT_EQ(st_usart_write(&usart_, bytes.data() + 2, 1), 1U);
    EXPECT_EQ(line, "AT\r");
}

TEST_F(Stm32UsartTest, ALineThatTakesNothingDoesNotHoldTheConsole) {
    chip_.values[USART6_BASE + USART_SR] = 0;
    const std::array<std::uint8_t, 3> bytes = {1, 2, 3};
    st_usart_write_all(&usart_, bytes.data(), bytes.size());
    st_usart_drain(&usart_);
    EXPECT_TRUE(chip_.written_to(USART6_BASE + USART_DR).empty());
}

class Stm32GpioTest : public ::testing::Test {
protected:
    RegisterModel chip_;
};

TEST_F(Stm32GpioTest, APinOfTheUpperHalfGetsItsFunction) {
    const std::uint32_t port = GPIO_BASE(6);
    chip_.values[port + GPIO_AFRH] = 0xffffffff;
    chip_.values[port + GPIO_MODER] = 0xffffffff;
    st_pin_alternate({6, 14}, 8, ST_NO_PULL);  // PG14, USART6_TX
    st_pin_alternate({6, 9}, 8, ST_PULL_UP);   // PG9, USART6_RX
    EXPECT_EQ(chip_.values[port + GPIO_AFRH], 0xf8ffff8fU);
    EXPECT_EQ(chip_.values[port + GPIO_MODER],
              0xefffffffU & ~(1U << 18));  // 10 at 14 and at 9, the others as before
    EXPECT_EQ(chip_.values[port + GPIO_PUPDR], 1U << 18);
    EXPECT_EQ(chip_.values[RCC_AHB1ENR], 1U << 6);
}

TEST_F(Stm32GpioTest, APinOfTheLowerHalfToo) {
    st_pin_alternate({3, 2}, 7, ST_NO_PULL);
    EXPECT_EQ(chip_.values[GPIO_BASE(3) + GPIO_AFRL], 7U << 8);
    EXPECT_EQ(chip_.values[GPIO_BASE(3) + GPIO_MODER], 2U << 4);
}

// A modem must not be reset because its pin became an output.
TEST_F(Stm32GpioTest, AnOutputHasItsLevelBeforeItDrives) {
    const std::uint32_t port = GPIO_BASE(5);
    st_pin_output({5, 12}, ST_OPEN_DRAIN, true);
    EXPECT_TRUE(chip_.in_order({port + GPIO_BSRR, 1U << 12}, {port + GPIO_MODER, 1U << 24}));
    EXPECT_TRUE(chip_.in_order({port + GPIO_OTYPER, 1U << 12}, {port + GPIO_MODER, 1U << 24}));
    st_pin_set({5, 12}, false);
    EXPECT_EQ(chip_.values[port + GPIO_BSRR], 1U << 28);
}

TEST_F(Stm32GpioTest, AnInputIsRead) {
    st_pin_input({2, 13}, ST_PULL_DOWN);
    EXPECT_EQ(chip_.values[GPIO_BASE(2) + GPIO_PUPDR], 2U << 26);
    EXPECT_FALSE(st_pin_is_high({2, 13}));
    chip_.values[GPIO_BASE(2) + GPIO_IDR] = 1U << 13;
    EXPECT_TRUE(st_pin_is_high({2, 13}));
}

}  // namespace
}  // namespace narrowgate::firmware
