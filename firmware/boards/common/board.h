// SPDX-License-Identifier: Apache-2.0
//
// What the main program needs of a board beside its port table. One board is linked into an image.
#ifndef NARROWGATE_FIRMWARE_BOARDS_COMMON_BOARD_H
#define NARROWGATE_FIRMWARE_BOARDS_COMMON_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/sensors.h"
#include "boards/common/crash.h"
#include "boards/common/lights.h"
#include "port/port.h"

#ifdef __cplusplus
extern "C" {
#endif

// Why it starts.
typedef enum bd_boot {
    BD_POWER_ON,
    BD_BROWN_OUT,  // the supply was too low for a moment
    BD_PIN,        // the reset button, or a debugger
    BD_SOFTWARE,   // it was asked for
    BD_WOKE,       // the end of standby
    BD_WATCHDOG,
    BD_FAULT,  // a fault's handler asked for it
} bd_boot;

extern const char bd_name[];

// Brings up what the core needs, the clock of milliseconds, the console and the modem's port. May go to
// standby again, or not return otherwise.
bd_boot bd_start(void);

const port_table* bd_port(void);
const nd_sensors* bd_sensors(void);

// Console. Writing waits for the line, reading does not.
void bd_console_write(const char* bytes, size_t size);
size_t bd_console_read(uint8_t* bytes, size_t size);

// On the LEDs, until the next call.
void bd_show(lt_pattern pattern);

// Whether somebody holds the button: no standby then, for a look at the console.
bool bd_stays_awake(void);

// Called in each turn of the main program's loop.
void bd_turn(void);

// The most that the stack has held since the start, in bytes.
uint32_t bd_stack_used(void);

#ifdef __cplusplus
}
#endif

#endif
