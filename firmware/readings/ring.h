// SPDX-License-Identifier: Apache-2.0
//
// Readings that the gateway has not acknowledged, in memory that survives a reset. There is no head that
// could be torn: each slot stands for itself, by a number and a checksum, and what is there is found by
// looking at all of them. Full, the oldest goes.
#ifndef NARROWGATE_FIRMWARE_READINGS_RING_H
#define NARROWGATE_FIRMWARE_READINGS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RG_VALUES 4u
#define RG_SLOTS 64u  // 40 bytes each: two thirds of the retained block

// One moment's values: channel numbers are the application's, mantissa * 10^exponent.
typedef struct rg_reading {
    uint32_t at_s;  // by the board's clock that a reset does not move
    uint8_t count;
    uint8_t channels[RG_VALUES];
    int8_t exponents[RG_VALUES];
    int32_t mantissas[RG_VALUES];
} rg_reading;

typedef struct rg_slot {
    uint32_t crc;     // of all that follows
    uint32_t number;  // of the reading, counted from 1
    rg_reading reading;
} rg_slot;

typedef struct rg_ring {
    rg_slot* slots;  // RG_SLOTS in retained memory
    uint32_t first;  // the oldest number; with `count` 0 the next
    uint32_t count;
    uint32_t dropped;  // since rg_init(), for want of room
} rg_ring;

// Finds what is there. Memory after a loss of supply is an empty ring.
void rg_init(rg_ring* ring, rg_slot slots[RG_SLOTS]);

void rg_put(rg_ring* ring, const rg_reading* reading);
// The `index`th oldest; null: there are not so many.
const rg_reading* rg_peek(const rg_ring* ring, uint32_t index);
// The oldest is done with.
void rg_pop(rg_ring* ring);

#ifdef __cplusplus
}
#endif

#endif
