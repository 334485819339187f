// SPDX-License-Identifier: Apache-2.0
//
// What a node measures. A board has its own temperature and supply; others fill in the same.
#ifndef NARROWGATE_FIRMWARE_APP_SENSORS_H
#define NARROWGATE_FIRMWARE_APP_SENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "readings/ring.h"

#ifdef __cplusplus
extern "C" {
#endif

// Channels that are no sensor's: what the node says of its last fault. Unsigned numbers of 32 bits.
enum {
    ND_FAULT = 0xf0,         // "fx": the exception's number
    ND_FAULT_PC = 0xf1,      // "fp": where it was
    ND_FAULT_LR = 0xf2,      // "fl": who called
    ND_FAULT_STATUS = 0xf3,  // "fs": what kind of fault
};

typedef struct nd_channel {
    const char* name;  // one or two letters: each costs air time in every reading
    const char* unit;  // RFC 8428 section 12.1; null: none
} nd_channel;

// Must live as long as the node.
typedef struct nd_sensors {
    void* context;
    const nd_channel* channels;
    uint8_t count;  // at most RG_VALUES
    // One value, mantissa * 10^exponent. False: it cannot be had now, and is left out.
    bool (*sample)(void* context, uint8_t channel, int32_t* mantissa, int8_t* exponent);
} nd_sensors;

#ifdef __cplusplus
}
#endif

#endif
