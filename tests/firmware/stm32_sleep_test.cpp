// SPDX-License-Identifier: Apache-2.0
//
// What goes on while the node sleeps: the backup domain, the battery-backed clock, stop and standby, the
// watchdog.
#include <gtest/gtest.h>

#include "boards/stm32f207/backup.h"
#include "boards/stm32f207/power.h"
#include "boards/stm32f207/rtc.h"
#include "boards/stm32f207/watchdog.h"
#include "firmware/stm32_chip.hpp"

namespace narrowgate::firmware {
namespace {

class Stm32SleepTest : public ::testing::Test {
protected:
    std::uint32_t seconds_at(std::uint32_t date, std::uint32_t time) {
        chip_.values[RTC_DR] = date;
        chip_.values[RTC_TR] = time;
        return st_rtc_seconds();
    }

    Stm32Chip chip_;
};

TEST_F(Stm32SleepTest, TheBackupDomainIsOpenedAndItsMemorySupplied) {
    st_backup_open();
    EXPECT_TRUE(st_backup_start());
    // Power control has a clock before it is spoken to.
    EXPECT_TRUE(chip_.in_order({RCC_APB1ENR, RCC_APB1ENR_PWR}, {PWR_CR, PWR_CR_DBP}));
    EXPECT_TRUE(chip_.in_order({PWR_CR, PWR_CR_DBP}, {PWR_CSR, PWR_CSR_BRE}));
    EXPECT_NE(chip_.values[RCC_AHB1ENR] & RCC_AHB1ENR_BKPSRAM, 0U);
}

TEST_F(Stm32SleepTest, ARegulatorThatIsNotReadyIsSaid) {
    chip_.regulator_works = false;
    st_backup_open();
    EXPECT_FALSE(st_backup_start());
}

TEST_F(Stm32SleepTest, ANoteOverAResetIsTakenOnce) {
    std::uint32_t value = 0;
    EXPECT_EQ(st_backup_take_note(&value), 0U);  // after a loss of supply
    st_backup_leave_note(2, 86'400'000);
    EXPECT_EQ(st_backup_take_note(&value), 2U);
    EXPECT_EQ(value, 86'400'000U);
    EXPECT_EQ(st_backup_take_note(&value), 0U);
    chip_.values[RTC_BKPR(0)] = 0x12340001;  // somebody else's
    EXPECT_EQ(st_backup_take_note(&value), 0U);
}

TEST_F(Stm32SleepTest, TheClockIsSetGoingByTheCrystal) {
    EXPECT_EQ(st_rtc_start(), ST_RTC_LSE);
    EXPECT_EQ(chip_.values[RCC_BDCR] & (RCC_BDCR_RTCSEL | RCC_BDCR_RTCEN),
              RCC_BDCR_RTCSEL_LSE | RCC_BDCR_RTCEN);
    // 32 768 Hz / 128 / 256, in the two writes that it asks for.
    EXPECT_EQ(chip_.written_to(RTC_PRER), (std::vector<std::uint32_t>{255, 127U << 16 | 255U}));
    EXPECT_EQ(st_rtc_seconds(), 0U);
    EXPECT_FALSE(chip_.unlocked());
}

TEST_F(Stm32SleepTest, WithoutItByTheChipsOwnOscillator) {
    chip_.lse_works = false;
    EXPECT_EQ(st_rtc_start(), ST_RTC_LSI);
    EXPECT_EQ(chip_.values[RCC_BDCR] & RCC_BDCR_RTCSEL, RCC_BDCR_RTCSEL_LSI);
    EXPECT_EQ(chip_.values[RCC_BDCR] & RCC_BDCR_LSEON, 0U);
    EXPECT_EQ(chip_.values[RTC_PRER], 127U << 16 | 249U);  // 32 000 Hz / 128 / 250
    EXPECT_LT(chip_.reads, 100'000U);
}

TEST_F(Stm32SleepTest, WithoutEitherThereIsNoClock) {
    chip_.lse_works = chip_.lsi_works = false;
    EXPECT_EQ(st_rtc_start(), ST_RTC_NONE);
    chip_.lsi_works = true;
    chip_.takes_dates = false;
    EXPECT_EQ(st_rtc_start(), ST_RTC_NONE);
}

TEST_F(Stm32SleepTest, AResetDoesNotMoveAClockThatRuns) {
    st_rtc_start();
    chip_.values[RTC_TR] = 0x00123456;
    chip_.writes.clear();
    EXPECT_EQ(st_rtc_start(), ST_RTC_LSE);
    EXPECT_EQ(chip_.position_of(RCC_BDCR, RCC_BDCR_BDRST), -1);
    EXPECT_EQ(st_rtc_seconds(), 12U * 3600 + 34 * 60 + 56);
}

// The choice of LSI survives a reset, its oscillator does not.
TEST_F(Stm32SleepTest, AResetDoesNotStopAClockOfTheChipsOwnOscillator) {
    chip_.lse_works = false;
    st_rtc_start();
    chip_.values[RCC_CSR] = 0;
    chip_.writes.clear();
    EXPECT_EQ(st_rtc_start(), ST_RTC_LSI);
    EXPECT_NE(chip_.values[RCC_CSR] & RCC_CSR_LSIRDY, 0U);
    EXPECT_EQ(chip_.position_of(RCC_BDCR, RCC_BDCR_BDRST), -1);
}

TEST_F(Stm32SleepTest, ACrystalThatDiedIsReplacedWithWhatTheDomainRemembersOfIt) {
    st_rtc_start();
    chip_.lse_works = false;
    chip_.values[RCC_BDCR] &= ~RCC_BDCR_LSERDY;
    EXPECT_EQ(st_rtc_start(), ST_RTC_LSI);
    EXPECT_EQ(chip_.values[RCC_BDCR] & RCC_BDCR_RTCSEL, RCC_BDCR_RTCSEL_LSI);
}

TEST_F(Stm32SleepTest, SecondsGoOnOverMonthsAndLeapYears) {
    const std::uint32_t day = 86'400;
    EXPECT_EQ(seconds_at(0x00012101, 0x000000), 0U);  // 2001-01-01
    EXPECT_EQ(seconds_at(0x00012101, 0x235959), day - 1);
    EXPECT_EQ(seconds_at(0x00010201, 0x000000), 31 * day);  // 2001-02-01
    EXPECT_EQ(seconds_at(0x00011231, 0x000000), 364 * day);
    EXPECT_EQ(seconds_at(0x00040229, 0x000000), (3 * 365 + 59) * day);  // 2004-02-29
    EXPECT_EQ(seconds_at(0x00040301, 0x000000), (3 * 365 + 60) * day);
    EXPECT_EQ(seconds_at(0x00050101, 0x000000), (4 * 365 + 1) * day);
    EXPECT_EQ(seconds_at(0x00121231, 0x120000), (11 * 365 + 2 + 365) * day + day / 2);  // 2012, a leap year
}

TEST_F(Stm32SleepTest, TheTimerTakesMillisecondsAndDays) {
    st_rtc_start();
    const std::tuple<std::uint32_t, std::uint32_t, std::uint32_t> sleeps[] = {
        {0, RTC_CR_WUCKSEL_DIV16, 1},  // the shortest there is
        {1'000, RTC_CR_WUCKSEL_DIV16, 2'047},
        {32'000, RTC_CR_WUCKSEL_DIV16, 65'535},
        {33'999, RTC_CR_WUCKSEL_SPRE, 32},
        {65'536'000, RTC_CR_WUCKSEL_SPRE, 65'535},
        {65'537'000, RTC_CR_WUCKSEL_SPRE_17_BITS, 0},
        {86'400'000, RTC_CR_WUCKSEL_SPRE_17_BITS, 86'400 - 65'536 - 1},
        {0xffffffff, RTC_CR_WUCKSEL_SPRE_17_BITS, 65'535},  // PORT_NEVER: a day and a half
    };
    for (const auto& [ms, clock, count] : sleeps) {
        ASSERT_TRUE(st_rtc_wake_after(ms));
        EXPECT_EQ(chip_.values[RTC_CR] & RTC_CR_WUCKSEL, clock) << ms;
        EXPECT_EQ(chip_.values[RTC_WUTR], count) << ms;
        EXPECT_EQ(chip_.values[RTC_CR] & (RTC_CR_WUTE | RTC_CR_WUTIE), RTC_CR_WUTE | RTC_CR_WUTIE);
        EXPECT_FALSE(chip_.unlocked());
    }
}

// What wakes is the flag's edge: one that is up already wakes nobody.
TEST_F(Stm32SleepTest, AnOldFlagDoesNotHideTheNextOne) {
    st_rtc_start();
    chip_.values[RTC_ISR] |= RTC_ISR_WUTF;
    EXPECT_TRUE(st_rtc_is_time());
    ASSERT_TRUE(st_rtc_wake_after(1'000));
    EXPECT_FALSE(st_rtc_is_time());
}

// Standby begins right after a reset, which has switched that oscillator off.
TEST_F(Stm32SleepTest, TheTimerGetsItsOscillatorBack) {
    chip_.lse_works = false;
    st_rtc_start();
    chip_.values[RCC_CSR] = 0;
    ASSERT_TRUE(st_rtc_wake_after(1'000));
    EXPECT_NE(chip_.values[RCC_CSR] & RCC_CSR_LSION, 0U);
    EXPECT_EQ(chip_.values[RTC_WUTR], 1'999U);  // 32 kHz / 16
    chip_.lsi_works = false;
    EXPECT_FALSE(st_rtc_wake_after(1'000));
}

TEST_F(Stm32SleepTest, ATimerThatTakesNothingIsSaid) {
    st_rtc_start();
    chip_.timer_works = false;
    EXPECT_FALSE(st_rtc_wake_after(1'000));
    EXPECT_FALSE(chip_.unlocked());
}

TEST_F(Stm32SleepTest, StandbySwitchesAllOff) {
    std::uint32_t control = 0, core = 0;
    chip_.on_sleep = [&] {
        control = chip_.values[PWR_CR];
        core = chip_.values[SCB_SCR];
    };
    chip_.values[PWR_CR] = PWR_CR_DBP;
    st_power_standby();
    EXPECT_EQ(chip_.sleeps, 1);
    EXPECT_EQ(control, PWR_CR_DBP | PWR_CR_PDDS | PWR_CR_CWUF | PWR_CR_CSBF);
    EXPECT_EQ(core, SCB_SCR_SLEEPDEEP);
    EXPECT_EQ(chip_.values[SCB_SCR], 0U);  // something has prevented it
}

TEST_F(Stm32SleepTest, StopKeepsTheMemoryAndHearsTheModem) {
    std::uint32_t control = 0, events = 0;
    chip_.on_sleep = [&] {
        control = chip_.values[PWR_CR];
        events = chip_.values[EXTI_EMR];
        EXPECT_EQ(chip_.values[SCB_SCR], SCB_SCR_SLEEPDEEP);
    };
    chip_.values[PWR_CR] = PWR_CR_DBP | PWR_CR_PDDS;
    st_power_stop({6, 9});  // PG9
    EXPECT_EQ(control, PWR_CR_DBP | PWR_CR_LPDS | PWR_CR_FPDS | PWR_CR_CWUF);
    EXPECT_EQ(events, 1U << 9 | 1U << 22);
    EXPECT_EQ(chip_.values[SYSCFG_EXTICR(2)], 6U << 4);  // line 9 is port G's
    EXPECT_EQ(chip_.values[EXTI_FTSR], 1U << 9);
    EXPECT_EQ(chip_.values[EXTI_RTSR], 1U << 22);
    EXPECT_EQ(chip_.values[EXTI_EMR], 0U);
    EXPECT_EQ(chip_.values[SCB_SCR], 0U);
}

TEST_F(Stm32SleepTest, TellsWhyItStarts) {
    const std::pair<std::uint32_t, st_cause> causes[] = {
        {RCC_CSR_PORRSTF | RCC_CSR_BORRSTF | RCC_CSR_PINRSTF, ST_CAUSE_POWER_ON},
        {RCC_CSR_BORRSTF | RCC_CSR_PINRSTF, ST_CAUSE_BROWN_OUT},
        {RCC_CSR_PINRSTF, ST_CAUSE_PIN},
        {RCC_CSR_SFTRSTF | RCC_CSR_PINRSTF, ST_CAUSE_SOFTWARE},
        {RCC_CSR_IWDGRSTF | RCC_CSR_PINRSTF, ST_CAUSE_WATCHDOG},
    };
    for (const auto& [flags, cause] : causes) {
        chip_.values[RCC_CSR] = flags;
        EXPECT_EQ(st_power_cause(), cause);
        EXPECT_NE(chip_.values[RCC_CSR] & RCC_CSR_RMVF, 0U);
    }
    chip_.values[PWR_CSR] = PWR_CSR_SBF | PWR_CSR_WUF;
    chip_.values[RCC_CSR] = RCC_CSR_PORRSTF | RCC_CSR_PINRSTF;
    EXPECT_EQ(st_power_cause(), ST_CAUSE_STANDBY);
    EXPECT_NE(chip_.values[PWR_CR] & PWR_CR_CSBF, 0U);
}

TEST_F(Stm32SleepTest, TheWatchdogBitesAfterHalfAMinute) {
    chip_.values[IWDG_SR] = 3;
    chip_.on_read[IWDG_SR] = [busy = 5](std::uint32_t) mutable { return busy-- > 0 ? 3U : 0U; };
    EXPECT_TRUE(st_watchdog_start());
    EXPECT_EQ(chip_.written_to(IWDG_KR), (std::vector<std::uint32_t>{0xcccc, 0x5555, 0xaaaa}));
    // 4096 * 256 / 32 kHz
    EXPECT_EQ(chip_.values[IWDG_PR], 6U);
    EXPECT_EQ(chip_.values[IWDG_RLR], 4'095U);
    st_watchdog_feed();
    EXPECT_EQ(chip_.written_to(IWDG_KR).back(), 0xaaaaU);
}

TEST_F(Stm32SleepTest, AWatchdogThatDoesNotTakeItsValuesIsNotWaitedForForEver) {
    chip_.values[IWDG_SR] = 3;
    EXPECT_FALSE(st_watchdog_start());
    EXPECT_EQ(chip_.written_to(IWDG_KR).back(), 0xaaaaU);  // it is fed all the same
}

}  // namespace
}  // namespace narrowgate::firmware
