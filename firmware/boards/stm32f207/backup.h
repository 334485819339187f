// SPDX-License-Identifier: Apache-2.0
//
// The backup domain: what keeps its content over a reset and in standby. 4 KB of SRAM for the retained block,
// and two of the clock's registers for what the board tells itself over a reset.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_BACKUP_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes the domain writable; before anything else of it, the clock included.
void st_backup_open(void);

// Switches the SRAM on, and the regulator that supplies it in standby. False: that is not ready, and what is
// kept outlives a reset alone.
bool st_backup_start(void);

// A note for the next start: `what` is not 0. Taken once.
void st_backup_leave_note(uint32_t what, uint32_t value);
uint32_t st_backup_take_note(uint32_t* value);

#ifdef __cplusplus
}
#endif

#endif
