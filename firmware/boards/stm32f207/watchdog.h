// SPDX-License-Identifier: Apache-2.0
//
// The independent watchdog. It bites 32.8 s after it was last fed, at its oscillator's nominal 32 kHz: 22 s
// at 47 kHz, 62 s at 17 kHz (data sheet DS6329, LSI). Once started only a reset stops it.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_WATCHDOG_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_WATCHDOG_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// False: its values are not there yet, and it bites earlier (in half a second).
bool st_watchdog_start(void);
void st_watchdog_feed(void);

#ifdef __cplusplus
}
#endif

#endif
