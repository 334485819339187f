// SPDX-License-Identifier: Apache-2.0
//
// What the three LEDs say, for somebody without a console (docs/firmware.md has the table). Each pattern
// repeats; what is wrong is red and counted.
#ifndef NARROWGATE_FIRMWARE_BOARDS_COMMON_LIGHTS_H
#define NARROWGATE_FIRMWARE_BOARDS_COMMON_LIGHTS_H

#include <stdint.h>

#include "app/node.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LT_GREEN = 1, LT_BLUE = 2, LT_RED = 4 };

typedef enum lt_pattern {
    LT_STARTING,       // all three on
    LT_PROVISION_ME,   // red, twice
    LT_NO_RANDOM,      // red, three times
    LT_UNKNOWN_MODEM,  // red, four times
    LT_REFUSED,        // red, once and long: the gateway said 4.03
    LT_SEARCHING,      // blue, slowly: modem and network
    LT_TALKING,        // blue, quickly: a handshake, a request
    LT_WAITING,        // blue, a short flash: later again
    LT_DELIVERED,      // green
    LT_PATTERNS,
} lt_pattern;

// `delivered`: the gateway has acknowledged a reading a moment ago.
lt_pattern lt_pattern_of(const nd_node* node, bool delivered);

// The LEDs that are lit at `ms`, of any clock of milliseconds.
unsigned lt_lit(lt_pattern pattern, uint32_t ms);

#ifdef __cplusplus
}
#endif

#endif
