// SPDX-License-Identifier: Apache-2.0
//
// Sleep. Why the chip starts, and its two deep sleeps.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_POWER_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "boards/stm32f207/gpio.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum st_cause {
    ST_CAUSE_POWER_ON,
    ST_CAUSE_BROWN_OUT,
    ST_CAUSE_PIN,
    ST_CAUSE_SOFTWARE,
    ST_CAUSE_WATCHDOG,
    ST_CAUSE_STANDBY,
} st_cause;

// Why it starts, as RCC_CSR and PWR_CSR say; asks once, for the flags are cleared.
st_cause st_power_cause(void);

// Standby: everything but the backup domain is switched off until the wake-up timer or the reset pin; then it
// starts as after a reset. Returns only when something prevented it. No watchdog may have been started since
// the reset: it cannot be stopped, runs on in standby and would end it (RM0033, chapter IWDG).
void st_power_standby(void);

// Stop: the clocks stand still, all memory stays. Ends by the wake-up timer, or by a falling edge at `wake`
// (a start bit; its byte is lost). On return the core runs on its own 16 MHz: st_clock_start().
void st_power_stop(st_pin wake);

#ifdef __cplusplus
}
#endif

#endif
