// SPDX-License-Identifier: Apache-2.0
//
// What start-up asks of a board, and what it gives.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_STARTUP_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_STARTUP_H

#include <stdint.h>

#include "boards/common/crash.h"

#ifdef __cplusplus
extern "C" {
#endif

// The board's, in interrupts.
void st_on_tick(void);
void st_on_usart3(void);
void st_on_usart6(void);
// A fault, or an interrupt that nobody asked for. May write to retained memory and return; a reset follows.
void st_on_fault(const cr_fault* fault);

__attribute__((noreturn)) void st_reset_system(void);

// The most that the stack has held since the start, in bytes.
uint32_t st_stack_used(void);

#ifdef __cplusplus
}
#endif

#endif
