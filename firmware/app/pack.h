// SPDX-License-Identifier: Apache-2.0
//
// Readings of the ring as one SenML pack.
#ifndef NARROWGATE_FIRMWARE_APP_PACK_H
#define NARROWGATE_FIRMWARE_APP_PACK_H

#include "app/sensors.h"

#ifdef __cplusplus
extern "C" {
#endif

// When a reading was made. With a clock: that many seconds since 1970 at the board's second 0. Without: times
// are given back from now, and hold when the message arrives at once.
typedef struct nd_time {
    bool has_clock;
    int64_t unix_at_zero;
    uint32_t now_s;  // by the board
} nd_time;

// Writes the oldest readings, at most `most` and as many as fit; returns the pack's size and says how many
// they are.
size_t nd_pack(uint8_t* out, size_t capacity, const rg_ring* ring, uint32_t most, const nd_sensors* sensors,
               const nd_time* time, uint32_t* packed);

#ifdef __cplusplus
}
#endif

#endif
