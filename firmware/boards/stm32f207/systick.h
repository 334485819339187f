// SPDX-License-Identifier: Apache-2.0
//
// Milliseconds since the start, by the core's own timer.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_SYSTICK_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_SYSTICK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One interrupt a millisecond at a core clock of `core_hz`, which must be right: all of the node's times hang
// on it.
void st_systick_start(uint32_t core_hz);
// No interrupt until the next start.
void st_systick_stop(void);

#ifdef __cplusplus
}
#endif

#endif
