// SPDX-License-Identifier: Apache-2.0
//
// The random number generator, believed only when it says that its clock and its seed are good, and when it
// does not repeat itself. Fails closed: a fill that is not whole is wiped and refused.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_RNG_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum st_rng_fault {
    ST_RNG_GOOD,
    ST_RNG_NO_CLOCK,  // CECS, CEIS: its 48 MHz are missing or too slow
    ST_RNG_BAD_SEED,  // SECS, SEIS: 64 equal bits, or 32 changes in a row
    ST_RNG_SILENT,    // no number came
    ST_RNG_REPEATS,   // the same number twice
} st_rng_fault;

typedef struct st_rng {
    st_rng_fault fault;  // of the last fill
    bool has_last;
    uint32_t last;
} st_rng;

// Switches it on. The PLL runs.
void st_rng_start(st_rng* rng);

bool st_rng_fill(st_rng* rng, uint8_t* bytes, size_t size);

// For a person.
const char* st_rng_text(st_rng_fault fault);

#ifdef __cplusplus
}
#endif

#endif
