// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/clock.h"

#include "boards/stm32f207/registers.h"

// In reads of a register at 16 MHz, of about ten cycles each. A crystal takes milliseconds, 100 ms are given;
// the PLL locks in 300 us (data sheet DS6329, PLL characteristics), 10 ms are given.
#define OSCILLATOR_READS 160000u
#define PLL_READS 16000u

#define HSI_HZ 16000000u
#define HSE_HZ 8000000u  // UM1974: from the ST-LINK's MCO
#define CORE_HZ 120000000u

// 1 MHz in, 240 MHz in the middle, 120 MHz for the core, 48 MHz for the random number generator.
#define PLL_IN_HZ 1000000u
#define PLL_N 240u
#define PLL_Q 5u
_Static_assert(PLL_IN_HZ* PLL_N / 2 == CORE_HZ, "P is 2");
_Static_assert(PLL_IN_HZ* PLL_N / PLL_Q == 48000000u, "the generator's clock");
#define PLL_FIELDS (0x3fu | 0x1ffu << 6 | 3u << 16 | RCC_PLLCFGR_SRC_HSE | 0xfu << 24)

// PM0059: at 2.7 to 3.6 V, one wait state for each 30 MHz begun above the first.
#define WAIT_STATES_120_MHZ 3u

static bool start_pll(uint32_t source_bit, uint32_t source_hz) {
    st_clear(RCC_CR, RCC_CR_PLLON);  // its configuration is fixed while it runs
    if (!st_wait(RCC_CR, RCC_CR_PLLRDY, 0, PLL_READS)) return false;
    st_replace(RCC_PLLCFGR, PLL_FIELDS,
               RCC_PLLCFGR_M(source_hz / PLL_IN_HZ) | RCC_PLLCFGR_N(PLL_N) | RCC_PLLCFGR_P2 | source_bit |
                   RCC_PLLCFGR_Q(PLL_Q));
    st_set(RCC_CR, RCC_CR_PLLON);
    return st_wait(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY, PLL_READS);
}

static bool start_hse(void) {
    st_set(RCC_CR, RCC_CR_HSEBYP);  // a clock, no crystal; to be said before it is switched on
    st_set(RCC_CR, RCC_CR_HSEON);
    return st_wait(RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY, OSCILLATOR_READS);
}

// The flash must be slow enough, and the buses too, before the core becomes fast.
static bool switch_to_pll(void) {
    st_replace(FLASH_ACR, FLASH_ACR_LATENCY, WAIT_STATES_120_MHZ);
    st_set(FLASH_ACR, FLASH_ACR_ICEN | FLASH_ACR_DCEN);
    if (!st_wait(FLASH_ACR, FLASH_ACR_LATENCY, WAIT_STATES_120_MHZ, PLL_READS)) return false;
    st_replace(RCC_CFGR, RCC_CFGR_PRESCALERS, RCC_CFGR_PPRE1_4 | RCC_CFGR_PPRE2_2);
    st_replace(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    return st_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL, PLL_READS);
}

static st_clock on_hsi(void) {
    st_replace(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_HSI);
    st_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_HSI, PLL_READS);
    st_replace(RCC_CFGR, RCC_CFGR_PRESCALERS, 0);
    st_clear(RCC_CR, RCC_CR_PLLON);
    return (st_clock){ST_CLOCK_HSI, HSI_HZ, HSI_HZ, HSI_HZ};
}

st_clock st_clock_start(void) {
    st_set(RCC_CR, RCC_CR_HSION);
    st_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY, PLL_READS);  // the core runs on it: it is there
    st_clock clock = {ST_CLOCK_HSE, CORE_HZ, CORE_HZ / 4, CORE_HZ / 2};
    if (!start_hse() || !start_pll(RCC_PLLCFGR_SRC_HSE, HSE_HZ)) {
        clock.source = ST_CLOCK_HSI_PLL;
        const bool locked = start_pll(0, HSI_HZ);
        st_clear(RCC_CR, RCC_CR_HSEON);
        if (!locked) return on_hsi();
    }
    if (!switch_to_pll()) return on_hsi();
    // Without this the core would stand still when the board's clock stops.
    if (clock.source == ST_CLOCK_HSE) st_set(RCC_CR, RCC_CR_CSSON);
    return clock;
}

const char* st_clock_text(st_clock_source source) {
    static const char* const kTexts[] = {
        "120 MHz, by the board's 8 MHz",
        "120 MHz, by the chip's own oscillator: the board's 8 MHz do not come (ST-LINK without supply?)",
        "16 MHz, by the chip's own oscillator: the PLL does not lock",
    };
    return kTexts[source];
}
