// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/rtc.h"

#include "boards/stm32f207/registers.h"

// In reads over the slow bus, ten cycles of the core at least. A crystal of 32 kHz takes 2 s (data sheet
// DS6329, LSE): three at 120 MHz. The rest are a few cycles of 32 kHz, and are given milliseconds.
#define CRYSTAL_READS 36000000u
#define SHORT_READS 400000u

// The calendar divides by 128, then by these.
#define PREDIV_A 127u
#define PREDIV_S_LSE 255u
#define PREDIV_S_LSI 249u
#define LSE_WAKE_HZ (32768u / 16u)
#define LSI_WAKE_HZ (32000u / 16u)
#define SHORT_WAKE_MS 32000u
#define WAKE_17_BITS 65536u

// 2001-01-01, a Monday: a year of 0 means that the calendar was never set (RM0033, INITS).
#define FIRST_DATE (UINT32_C(1) << 16 | UINT32_C(1) << 13 | UINT32_C(1) << 8 | 1u)

static void unlock(void) {
    st_write(RTC_WPR, 0xca);
    st_write(RTC_WPR, 0x53);
}

static void lock(void) {
    st_write(RTC_WPR, 0xff);
}

// Flags are cleared by writing 0, and left alone by 1; INIT is no flag.
static void clear_flag(uint32_t flag) {
    st_write(RTC_ISR, ~(flag | RTC_ISR_INIT) & 0xffffu);
}

static bool is_lsi(void) {
    return (st_read(RCC_BDCR) & RCC_BDCR_RTCSEL) == RCC_BDCR_RTCSEL_LSI;
}

// Each reset switches it off, the choice of it stays.
static bool start_lsi(void) {
    st_set(RCC_CSR, RCC_CSR_LSION);
    return st_wait(RCC_CSR, RCC_CSR_LSIRDY, RCC_CSR_LSIRDY, SHORT_READS);
}

static st_rtc_source choose_source(void) {
    // The choice can be made once in the life of the domain (RM0033, RTCSEL): its life begins anew.
    st_set(RCC_BDCR, RCC_BDCR_BDRST);
    st_clear(RCC_BDCR, RCC_BDCR_BDRST);
    st_set(RCC_BDCR, RCC_BDCR_LSEON);
    if (st_wait(RCC_BDCR, RCC_BDCR_LSERDY, RCC_BDCR_LSERDY, CRYSTAL_READS)) {
        st_set(RCC_BDCR, RCC_BDCR_RTCSEL_LSE);
        return ST_RTC_LSE;
    }
    st_clear(RCC_BDCR, RCC_BDCR_LSEON);
    if (!start_lsi()) return ST_RTC_NONE;
    st_set(RCC_BDCR, RCC_BDCR_RTCSEL_LSI);
    return ST_RTC_LSI;
}

static bool set_calendar(uint32_t prediv_s) {
    unlock();
    st_set(RTC_ISR, RTC_ISR_INIT);
    const bool may = st_wait(RTC_ISR, RTC_ISR_INITF, RTC_ISR_INITF, SHORT_READS);
    if (may) {
        st_write(RTC_PRER, prediv_s);  // two writes: RM0033, RTC_PRER
        st_write(RTC_PRER, prediv_s | PREDIV_A << 16);
        st_write(RTC_TR, 0);
        st_write(RTC_DR, FIRST_DATE);
    }
    st_clear(RTC_ISR, RTC_ISR_INIT);
    lock();
    return may;
}

st_rtc_source st_rtc_start(void) {
    const uint32_t control = st_read(RCC_BDCR);
    const bool runs = (control & RCC_BDCR_RTCEN) != 0 && (st_read(RTC_ISR) & RTC_ISR_INITS) != 0;
    const bool by_lse = (control & RCC_BDCR_RTCSEL) == RCC_BDCR_RTCSEL_LSE;
    if (runs && by_lse && (control & RCC_BDCR_LSERDY) != 0) {
        st_rtc_resync();
        return ST_RTC_LSE;
    }
    if (runs && is_lsi() && start_lsi()) {
        st_rtc_resync();
        return ST_RTC_LSI;
    }
    const st_rtc_source source = choose_source();
    if (source == ST_RTC_NONE) return ST_RTC_NONE;
    st_set(RCC_BDCR, RCC_BDCR_RTCEN);
    if (!set_calendar(source == ST_RTC_LSE ? PREDIV_S_LSE : PREDIV_S_LSI)) return ST_RTC_NONE;
    st_rtc_resync();
    return source;
}

void st_rtc_resync(void) {
    unlock();
    clear_flag(RTC_ISR_RSF);
    lock();
    st_wait(RTC_ISR, RTC_ISR_RSF, RTC_ISR_RSF, SHORT_READS);
}

// `tens` bits wide above four bits of units.
static uint32_t decimal(uint32_t reg, unsigned shift, unsigned tens) {
    return (reg >> shift & 15u) + 10u * (reg >> (shift + 4) & ((1u << tens) - 1u));
}

uint32_t st_rtc_seconds(void) {
    // The time first: it holds the date until that is read (RM0033, RTC_TR).
    const uint32_t time = st_read(RTC_TR);
    const uint32_t date = st_read(RTC_DR);
    static const uint16_t kDaysBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const uint32_t year = decimal(date, 16, 4);  // since 2000; each fourth is a leap year until 2099
    const uint32_t month = decimal(date, 8, 1);
    uint32_t days = (year - 1) * 365 + (year - 1) / 4 + decimal(date, 0, 2) - 1;
    days += kDaysBefore[(month + 11) % 12];
    if (year % 4 == 0 && month > 2) ++days;
    return ((days * 24 + decimal(time, 16, 2)) * 60 + decimal(time, 8, 3)) * 60 + decimal(time, 0, 3);
}

bool st_rtc_wake_after(uint32_t ms) {
    if (is_lsi() && !start_lsi()) return false;
    uint32_t clock = RTC_CR_WUCKSEL_DIV16;
    uint32_t count = 0;
    if (ms <= SHORT_WAKE_MS) {
        count = ms * (is_lsi() ? LSI_WAKE_HZ : LSE_WAKE_HZ) / 1000;
        if (count < 2) count = 2;
    } else {
        count = (ms < ST_RTC_WAKE_MS_MAX ? ms : ST_RTC_WAKE_MS_MAX) / 1000;
        clock = count > WAKE_17_BITS ? RTC_CR_WUCKSEL_SPRE_17_BITS : RTC_CR_WUCKSEL_SPRE;
        if (count > WAKE_17_BITS) count -= WAKE_17_BITS;
    }
    unlock();
    st_clear(RTC_CR, RTC_CR_WUTE | RTC_CR_WUTIE);
    const bool may = st_wait(RTC_ISR, RTC_ISR_WUTWF, RTC_ISR_WUTWF, SHORT_READS);
    if (may) {
        st_replace(RTC_CR, RTC_CR_WUCKSEL, clock);
        st_write(RTC_WUTR, count - 1);
        clear_flag(RTC_ISR_WUTF);  // its next edge is what wakes
        st_set(RTC_CR, RTC_CR_WUTE | RTC_CR_WUTIE);
    }
    lock();
    return may;
}

bool st_rtc_is_time(void) {
    return (st_read(RTC_ISR) & RTC_ISR_WUTF) != 0;
}
