// SPDX-License-Identifier: Apache-2.0
#include "boards/common/lights.h"

#define FLASH_MS 150u
#define PAUSE_MS 250u

typedef struct shape {
    uint8_t leds;
    uint8_t flashes;
    uint16_t on_ms;
    uint16_t off_ms;
    uint16_t period_ms;
} shape;

static const shape kShapes[LT_PATTERNS] = {
    [LT_STARTING] = {LT_GREEN | LT_BLUE | LT_RED, 1, 1000, 0, 1000},
    [LT_PROVISION_ME] = {LT_RED, 2, FLASH_MS, PAUSE_MS, 2500},
    [LT_NO_RANDOM] = {LT_RED, 3, FLASH_MS, PAUSE_MS, 2500},
    [LT_UNKNOWN_MODEM] = {LT_RED, 4, FLASH_MS, PAUSE_MS, 2500},
    [LT_REFUSED] = {LT_RED, 1, 1500, 0, 2500},
    [LT_SEARCHING] = {LT_BLUE, 1, 500, 0, 1000},
    [LT_TALKING] = {LT_BLUE, 1, 100, 0, 200},
    [LT_WAITING] = {LT_BLUE, 1, 50, 0, 3000},
    [LT_DELIVERED] = {LT_GREEN, 1, 1000, 0, 1000},
};

lt_pattern lt_pattern_of(const nd_node* node, bool delivered) {
    if (node->state == ND_UNPROVISIONED) return LT_PROVISION_ME;
    if (node->state == ND_NO_ENTROPY) return LT_NO_RANDOM;
    if (node->modem.phase == SN_UNKNOWN) return LT_UNKNOWN_MODEM;
    if (node->state == ND_STOPPED) return LT_REFUSED;
    if (delivered) return LT_DELIVERED;
    if (node->holding_off || !node->modem_started) return LT_WAITING;
    if (node->modem.phase != SN_READY && node->modem.phase != SN_WAKING) return LT_SEARCHING;
    return LT_TALKING;
}

unsigned lt_lit(lt_pattern pattern, uint32_t ms) {
    const shape* s = &kShapes[pattern];
    const uint32_t at = ms % s->period_ms;
    const uint32_t step = (uint32_t)s->on_ms + s->off_ms;
    return at < s->flashes * step && at % step < s->on_ms ? s->leds : 0;
}
