// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/rng.h"

#include <string.h>

#include "boards/stm32f207/registers.h"

// A number takes 40 cycles of 48 MHz (RM0033, chapter RNG), which is 100 of the core.
#define READY_READS 1000u

// Beginnings of the generator for one number. A fault that does not go by that stays.
#define ATTEMPTS 4

static void restart(st_rng* rng) {
    // RM0033, error management: the flags are cleared, and the generator begins anew. What it gave before is
    // no measure for what it gives then.
    st_write(RNG_SR, 0);
    st_write(RNG_CR, 0);
    st_write(RNG_CR, RNG_CR_RNGEN);
    rng->has_last = false;
}

void st_rng_start(st_rng* rng) {
    *rng = (st_rng){.fault = ST_RNG_GOOD};
    st_set(RCC_AHB2ENR, RCC_AHB2ENR_RNG);
    restart(rng);
}

static st_rng_fault read_number(uint32_t* number) {
    const uint32_t all = RNG_SR_CECS | RNG_SR_SECS | RNG_SR_CEIS | RNG_SR_SEIS;
    for (unsigned reads = 0; reads < READY_READS; ++reads) {
        const uint32_t status = st_read(RNG_SR);
        if ((status & (RNG_SR_CECS | RNG_SR_CEIS)) != 0) return ST_RNG_NO_CLOCK;
        if ((status & all) != 0) return ST_RNG_BAD_SEED;
        if ((status & RNG_SR_DRDY) == 0) continue;
        *number = st_read(RNG_DR);
        // One that was ready may have gone bad meanwhile.
        return (st_read(RNG_SR) & all) == 0 ? ST_RNG_GOOD : ST_RNG_BAD_SEED;
    }
    return ST_RNG_SILENT;
}

// RM0033: the first number after a beginning is only there to compare the next with (FIPS 140-2).
static st_rng_fault next_number(st_rng* rng, uint32_t* number) {
    for (;;) {
        const st_rng_fault fault = read_number(number);
        if (fault != ST_RNG_GOOD) return fault;
        const bool had_last = rng->has_last;
        if (had_last && *number == rng->last) return ST_RNG_REPEATS;
        rng->has_last = true;
        rng->last = *number;
        if (had_last) return ST_RNG_GOOD;
    }
}

static bool draw(st_rng* rng, uint32_t* number) {
    for (int attempt = 0; attempt < ATTEMPTS; ++attempt) {
        rng->fault = next_number(rng, number);
        if (rng->fault == ST_RNG_GOOD) return true;
        restart(rng);
    }
    return false;
}

bool st_rng_fill(st_rng* rng, uint8_t* bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        uint32_t number = 0;
        if (!draw(rng, &number)) {
            memset(bytes, 0, size);
            return false;
        }
        for (int i = 0; i < 4 && at < size; ++i, number >>= 8)
            bytes[at++] = (uint8_t)number;
    }
    return true;
}

const char* st_rng_text(st_rng_fault fault) {
    static const char* const kTexts[] = {"good", "its clock is missing", "its seed is bad",
                                         "it gives no number", "it repeats itself"};
    return kTexts[fault];
}
