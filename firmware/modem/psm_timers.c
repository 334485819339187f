// SPDX-License-Identifier: Apache-2.0
#include "modem/psm_timers.h"

#include <stddef.h>

#define COUNT_MAX 31u  // five bits

typedef struct unit {
    uint32_t seconds;
    uint8_t code;  // three bits
} unit;

static void write_bits(const unit* units, size_t size, uint32_t seconds, char bits[PSM_BITS]) {
    uint32_t value = ((uint32_t)units[size - 1].code << 5) | COUNT_MAX;
    for (size_t i = 0; i < size; ++i) {
        const uint32_t count = seconds / units[i].seconds + (seconds % units[i].seconds != 0 ? 1u : 0u);
        if (count > COUNT_MAX) continue;
        value = ((uint32_t)units[i].code << 5) | count;
        break;
    }
    for (size_t i = 0; i < 8; ++i)
        bits[i] = (value >> (7 - i)) & 1u ? '1' : '0';
    bits[8] = '\0';
}

void psm_periodic(uint32_t seconds, char bits[PSM_BITS]) {
    static const unit kUnits[] = {{2, 3}, {30, 4}, {60, 5}, {600, 0}, {3600, 1}, {36000, 2}, {1152000, 6}};
    write_bits(kUnits, sizeof kUnits / sizeof kUnits[0], seconds, bits);
}

void psm_active(uint32_t seconds, char bits[PSM_BITS]) {
    static const unit kUnits[] = {{2, 0}, {60, 1}, {360, 2}};
    write_bits(kUnits, sizeof kUnits / sizeof kUnits[0], seconds, bits);
}
