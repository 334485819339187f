// SPDX-License-Identifier: Apache-2.0
//
// The real board's own code over a model of its registers: how it starts, sleeps, falls and starts again.
// What no model shows is in docs/firmware.md, with the hand test for it.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <string>

#include "boards/common/board.h"
#include "boards/stm32f207/startup.h"
#include "firmware/stm32_chip.hpp"

namespace {
struct Reset {};   // the node has asked for it
struct WokeUp {};  // the end of standby, which is a reset too
}  // namespace

void st_reset_system() {
    throw Reset{};
}
uint32_t st_stack_used() {
    return 0;
}

namespace narrowgate::firmware {
namespace {

constexpr std::uint32_t kConsole = USART3_BASE, kModem = USART6_BASE;
constexpr std::uint32_t kFirst = RCC_CSR_PORRSTF | RCC_CSR_BORRSTF | RCC_CSR_PINRSTF;
constexpr std::uint32_t kAgain = RCC_CSR_SFTRSTF | RCC_CSR_PINRSTF;

// Memory at its address in the chip.
class Memory {
public:
    Memory(std::uint32_t address, std::size_t size) : size_(size) {
        void* wanted = reinterpret_cast<void*>(static_cast<std::uintptr_t>(address));
        at_ = mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                   -1, 0);
        if (at_ != wanted) throw std::runtime_error("no memory where the chip has its own");
    }
    ~Memory() { munmap(at_, size_); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    std::uint8_t* bytes() { return static_cast<std::uint8_t*>(at_); }

private:
    std::size_t size_;
    void* at_;
};

class NucleoBoardTest : public ::testing::Test {
protected:
    NucleoBoardTest() {
        chip_.on_write[IWDG_KR] = [this](std::uint32_t, std::uint32_t key) {
            watchdog_runs_ |= key == 0xcccc;
            fed_ += key == 0xaaaa;
            return key;
        };
        chip_.on_write[kConsole + USART_DR] = [this](std::uint32_t, std::uint32_t byte) {
            console_.push_back(static_cast<char>(byte));
            return byte;
        };
        chip_.on_read[RNG_SR] = [this](std::uint32_t flags) {
            return (chip_.values[RCC_CR] & RCC_CR_PLLRDY) == 0 ? RNG_SR_CECS : flags | RNG_SR_DRDY;
        };
        chip_.on_read[RNG_DR] = [this](std::uint32_t) { return ++random_; };
        chip_.on_interrupt = [] { st_on_tick(); };
        resets(kFirst);
    }

    // The registers that a reset sets back; the backup domain keeps its own.
    void resets(std::uint32_t flags) {
        for (const std::uint32_t address : {RCC_CFGR, RCC_AHB1ENR, RCC_AHB2ENR, RCC_APB1ENR, RCC_APB2ENR,
                                            PWR_CR, EXTI_EMR, SYSTICK_CTRL, SCB_SCR})
            chip_.values[address] = 0;
        chip_.values[RCC_CR] = RCC_CR_HSION | RCC_CR_HSIRDY;
        chip_.values[RCC_CSR] = flags;
        chip_.values[kConsole + USART_SR] = USART_SR_TXE | USART_SR_TC;
        chip_.values[kModem + USART_SR] = USART_SR_TXE | USART_SR_TC;
        chip_.writes.clear();
        console_.clear();
        watchdog_runs_ = false;
        fed_ = 0;
    }
    void comes(std::uint32_t base, char byte) {
        chip_.values[base + USART_DR] = static_cast<std::uint8_t>(byte);
        chip_.values[base + USART_SR] |= USART_SR_RXNE;
        base == kModem ? st_on_usart6() : st_on_usart3();
        chip_.values[base + USART_SR] &= ~USART_SR_RXNE;
    }
    bool says(const std::string& text) const { return console_.find(text) != std::string::npos; }
    std::uint32_t now() { return port_->millis(port_->self); }

    Memory retained_{ST_BACKUP_SRAM, PORT_RETAINED_BYTES};
    Memory page_{ST_PROVISIONING_PAGE, ST_PROVISIONING_BYTES};
    Stm32Chip chip_;
    const port_table* port_ = bd_port();
    std::string console_;
    bool watchdog_runs_ = false;
    int fed_ = 0;
    std::uint32_t random_ = 0;
};

TEST_F(NucleoBoardTest, StartsWithEverythingThatTheNodeNeeds) {
    EXPECT_EQ(bd_start(), BD_POWER_ON);
    EXPECT_TRUE(says(" I 120 MHz, by the board's 8 MHz\r\n"));
    EXPECT_EQ(std::ranges::count(console_, '\n'), 1);  // nothing to complain of
    EXPECT_EQ(chip_.values[kModem + USART_BRR], 6'250U);
    EXPECT_EQ(chip_.values[kConsole + USART_BRR], 260U);
    EXPECT_EQ(chip_.values[SYSTICK_LOAD], 119'999U);
    EXPECT_EQ(chip_.values[NVIC_ISER(1)], 1U << 7);  // 39
    EXPECT_EQ(chip_.values[NVIC_ISER(2)], 1U << 7);  // 71
    EXPECT_TRUE(watchdog_runs_);
    std::uint32_t seconds = 9;
    EXPECT_TRUE(port_->seconds(port_->self, &seconds));
    EXPECT_EQ(seconds, 0U);
    std::array<std::uint8_t, 4> random{};
    EXPECT_TRUE(port_->entropy(port_->self, random.data(), random.size()));
    EXPECT_EQ(port_->retained(port_->self), retained_.bytes());
}

// It may have been on all the time, in its power saving mode.
TEST_F(NucleoBoardTest, TheModemNoticesNothingOfAReset) {
    bd_start();
    for (const std::uint32_t value : chip_.written_to(GPIO_BASE(5) + GPIO_BSRR))
        EXPECT_EQ(value & (1U << (13 + 16) | 1U << (12 + 16)), 0U);
    port_->modem_power(port_->self, false);
    EXPECT_EQ(chip_.values[GPIO_BASE(5) + GPIO_BSRR], 1U << (13 + 16));
    port_->modem_reset(port_->self, true);
    EXPECT_EQ(chip_.values[GPIO_BASE(5) + GPIO_BSRR], 1U << (12 + 16));
    port_->modem_reset(port_->self, false);
    EXPECT_EQ(chip_.values[GPIO_BASE(5) + GPIO_BSRR], 1U << 12);
    EXPECT_EQ(chip_.values[GPIO_BASE(5) + GPIO_OTYPER], 1U << 12);  // its reset is pulled up by itself
}

// The watchdog cannot be stopped but by a reset, and would end standby.
TEST_F(NucleoBoardTest, StandbyBeginsWithAResetAndEndsWithOne) {
    bd_start();
    EXPECT_THROW(port_->sleep(port_->self, PORT_SLEEP_STANDBY, 3'600'000), Reset);
    resets(kAgain);
    chip_.on_sleep = [&] {
        EXPECT_EQ(chip_.values[PWR_CR] & PWR_CR_PDDS, PWR_CR_PDDS);
        EXPECT_EQ(chip_.values[RTC_WUTR], 3'599U);
        EXPECT_EQ(chip_.values[RTC_CR], RTC_CR_WUTE | RTC_CR_WUTIE | RTC_CR_WUCKSEL_SPRE);
        EXPECT_FALSE(watchdog_runs_);
        EXPECT_EQ(chip_.values[RCC_CR] & RCC_CR_PLLON, 0U);
        throw WokeUp{};
    };
    EXPECT_THROW(bd_start(), WokeUp);
    resets(RCC_CSR_PINRSTF);
    chip_.values[PWR_CSR] |= PWR_CSR_SBF | PWR_CSR_WUF;
    EXPECT_EQ(bd_start(), BD_WOKE);
    EXPECT_EQ(chip_.sleeps, 1);
}

TEST_F(NucleoBoardTest, AStandbyThatIsPreventedIsAStart) {
    bd_start();
    EXPECT_THROW(port_->sleep(port_->self, PORT_SLEEP_STANDBY, 10'000), Reset);
    resets(kAgain);
    EXPECT_EQ(bd_start(), BD_SOFTWARE);
    EXPECT_EQ(chip_.sleeps, 1);
    resets(RCC_CSR_PINRSTF);
    EXPECT_EQ(bd_start(), BD_PIN);  // and not another standby
    EXPECT_EQ(chip_.sleeps, 1);
}

// Or it would reset, start, and reset again, as fast as it can.
TEST_F(NucleoBoardTest, WithoutATimerThatWakesItItStaysAwakeSoLong) {
    chip_.lse_works = chip_.lsi_works = false;
    bd_start();
    EXPECT_TRUE(says(" E no clock of 32 kHz starts"));
    std::uint32_t seconds = 9;
    EXPECT_FALSE(port_->seconds(port_->self, &seconds));
    EXPECT_EQ(seconds, 0U);
    const std::uint32_t before = now();
    fed_ = 0;
    EXPECT_THROW(port_->sleep(port_->self, PORT_SLEEP_STANDBY, 60'000), Reset);
    EXPECT_EQ(now() - before, 60'000U);
    EXPECT_GT(fed_, 60);
    resets(kAgain);
    EXPECT_EQ(bd_start(), BD_SOFTWARE);
    EXPECT_EQ(chip_.sleeps, 0);
}

TEST_F(NucleoBoardTest, WhatDoesNotWorkIsSaid) {
    chip_.hse_works = chip_.lse_works = chip_.regulator_works = false;
    EXPECT_EQ(bd_start(), BD_POWER_ON);
    EXPECT_TRUE(says(" W 120 MHz, by the chip's own oscillator"));
    EXPECT_TRUE(says(" W the crystal of 32 kHz does not start"));
    EXPECT_TRUE(says(" W the backup regulator is not ready"));
}

// Its 48 MHz are the PLL's.
TEST_F(NucleoBoardTest, WithoutAPllThereAreNoRandomNumbers) {
    chip_.locks_on_hse = chip_.locks_on_hsi = false;
    bd_start();
    EXPECT_EQ(chip_.values[SYSTICK_LOAD], 15'999U);
    EXPECT_EQ(chip_.values[kModem + USART_BRR], 1'667U);
    std::array<std::uint8_t, 4> random{1, 2, 3, 4};
    EXPECT_FALSE(port_->entropy(port_->self, random.data(), random.size()));
    EXPECT_EQ(random, (std::array<std::uint8_t, 4>{}));
    EXPECT_TRUE(says(" E random number generator: its clock is missing"));
}

TEST_F(NucleoBoardTest, AFaultIsKnownAfterTheReset) {
    bd_start();
    const cr_fault fault{
        .exception = 3, .pc = 0x08000abc, .lr = 1, .psr = 2, .cfsr = 3, .hfsr = 4, .address = 5};
    st_on_fault(&fault);
    resets(kAgain);
    EXPECT_EQ(bd_start(), BD_FAULT);
    cr_fault found{};
    ASSERT_TRUE(cr_find(retained_.bytes(), &found));
    EXPECT_EQ(found.pc, 0x08000abcU);
    resets(kAgain);
    EXPECT_EQ(bd_start(), BD_SOFTWARE);
}

TEST_F(NucleoBoardTest, AFaultBeforeTheStartHasItsMemoryToo) {
    const cr_fault fault{};
    st_on_fault(&fault);
    EXPECT_NE(chip_.values[RCC_AHB1ENR] & RCC_AHB1ENR_BKPSRAM, 0U);
    EXPECT_NE(chip_.values[PWR_CR] & PWR_CR_DBP, 0U);
}

TEST_F(NucleoBoardTest, IdleEndsByTimeOrByAByte) {
    bd_start();
    std::uint32_t before = now();
    port_->sleep(port_->self, PORT_SLEEP_IDLE, 250);
    EXPECT_EQ(now() - before, 250U);
    for (const std::uint32_t base : {kModem, kConsole}) {
        chip_.on_interrupt = [&, left = 3]() mutable {
            st_on_tick();
            if (--left == 0) comes(base, 'x');
        };
        before = now();
        port_->sleep(port_->self, PORT_SLEEP_IDLE, PORT_NEVER);
        EXPECT_EQ(now() - before, 3U);
        std::uint8_t byte = 0;
        EXPECT_EQ(base == kModem ? port_->uart_read(port_->self, &byte, 1) : bd_console_read(&byte, 1), 1U);
        EXPECT_EQ(byte, 'x');
    }
}

TEST_F(NucleoBoardTest, StopKeepsTheTime) {
    bd_start();
    chip_.on_sleep = [&] {
        EXPECT_EQ(chip_.values[SYSTICK_CTRL], 0U);
        EXPECT_EQ(chip_.values[PWR_CR] & PWR_CR_PDDS, 0U);
        chip_.values[RTC_ISR] |= RTC_ISR_WUTF;
        chip_.values[RCC_CR] = RCC_CR_HSION | RCC_CR_HSIRDY;  // what stop leaves
        chip_.values[RCC_CFGR] &= ~(RCC_CFGR_SW | RCC_CFGR_SWS);
    };
    std::uint32_t before = now();
    port_->sleep(port_->self, PORT_SLEEP_STOP, 1'500);
    EXPECT_EQ(now() - before, 1'500U);
    EXPECT_EQ(chip_.values[RCC_CFGR] & RCC_CFGR_SWS, RCC_CFGR_SWS_PLL);
    EXPECT_EQ(chip_.values[SYSTICK_CTRL], 7U);
    // A byte of the modem's has ended it.
    chip_.on_sleep = [&] { chip_.values[RTC_TR] = 2; };
    before = now();
    port_->sleep(port_->self, PORT_SLEEP_STOP, 5'000);
    EXPECT_EQ(now() - before, 2'000U);
    EXPECT_EQ(chip_.sleeps, 2);
}

TEST_F(NucleoBoardTest, StopWithoutATimerIsIdle) {
    chip_.lse_works = chip_.lsi_works = false;
    bd_start();
    const std::uint32_t before = now();
    port_->sleep(port_->self, PORT_SLEEP_STOP, 300);
    EXPECT_EQ(now() - before, 300U);
    EXPECT_EQ(chip_.sleeps, 0);
}

TEST_F(NucleoBoardTest, ReadsItsProvisioningPageAndNoFurther) {
    page_.bytes()[0] = 'N';
    page_.bytes()[ST_PROVISIONING_BYTES - 1] = 'E';
    std::uint8_t byte = 0;
    EXPECT_TRUE(port_->nv_read(port_->self, 0, &byte, 1));
    EXPECT_EQ(byte, 'N');
    EXPECT_TRUE(port_->nv_read(port_->self, ST_PROVISIONING_BYTES - 1, &byte, 1));
    EXPECT_EQ(byte, 'E');
    EXPECT_FALSE(port_->nv_read(port_->self, ST_PROVISIONING_BYTES, &byte, 1));
    EXPECT_FALSE(port_->nv_read(port_->self, SIZE_MAX, &byte, 1));
}

TEST_F(NucleoBoardTest, TheRedLightFlashesThreeTimesWithoutRandomNumbers) {
    bd_start();
    const auto is_red = [this] { return chip_.values[GPIO_BASE(1) + GPIO_BSRR] == 1U << 14; };
    bd_show(LT_NO_RANDOM);
    int flashes = 0;
    bool before = true;
    for (int ms = 0; ms < 2'500; ++ms) {
        st_on_tick();
        flashes += is_red() && !before;
        before = is_red();
    }
    EXPECT_EQ(flashes, 3);
}

TEST_F(NucleoBoardTest, TheButtonKeepsItAwake) {
    bd_start();
    EXPECT_FALSE(bd_stays_awake());
    chip_.values[GPIO_BASE(2) + GPIO_IDR] = 1U << 13;
    EXPECT_TRUE(bd_stays_awake());
}

TEST_F(NucleoBoardTest, MeasuresItsTemperatureAndItsSupply) {
    bd_start();
    const nd_sensors* sensors = bd_sensors();
    ASSERT_EQ(sensors->count, 2);
    std::int32_t mantissa = 0;
    std::int8_t exponent = 0;
    EXPECT_FALSE(sensors->sample(sensors->context, 0, &mantissa, &exponent));  // the converter is silent
    chip_.values[ADC1_DR] = 1'501;
    chip_.on_write[ADC1_SR] = [](std::uint32_t, std::uint32_t) { return ADC_SR_EOC; };
    ASSERT_TRUE(sensors->sample(sensors->context, 1, &mantissa, &exponent));
    EXPECT_EQ(mantissa, 3'300);
    EXPECT_EQ(exponent, -3);
    EXPECT_STREQ(sensors->channels[1].unit, "V");
}

TEST_F(NucleoBoardTest, ALostByteIsCountedOnce) {
    bd_start();
    chip_.values[kModem + USART_SR] |= USART_SR_FE;
    comes(kModem, 'x');
    EXPECT_EQ(port_->uart_lost(port_->self), 1U);
    EXPECT_EQ(port_->uart_lost(port_->self), 0U);
}

}  // namespace
}  // namespace narrowgate::firmware
