// SPDX-License-Identifier: Apache-2.0
//
// The clock tree: 120 MHz from the board's 8 MHz, or from the chip's own oscillator when those do not come,
// or that oscillator as it is. Whatever comes of it, the frequencies are known, so that times and baud rates
// are right.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_CLOCK_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_CLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum st_clock_source {
    ST_CLOCK_HSE,      // 120 MHz from the board's clock
    ST_CLOCK_HSI_PLL,  // 120 MHz from the chip's oscillator: 1 % off at 25 degrees, up to 8 % elsewhere
    ST_CLOCK_HSI,      // 16 MHz; the random number generator has no clock then, and does not start
} st_clock_source;

typedef struct st_clock {
    st_clock_source source;
    uint32_t core_hz;
    uint32_t apb1_hz;  // USART3
    uint32_t apb2_hz;  // USART6, the analogue-to-digital converter
} st_clock;

// From the state after a reset, after standby or after stop. A source that fails later is a fault (the core's
// NMI).
st_clock st_clock_start(void);

// For a person.
const char* st_clock_text(st_clock_source source);

#ifdef __cplusplus
}
#endif

#endif
