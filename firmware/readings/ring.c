// SPDX-License-Identifier: Apache-2.0
#include "readings/ring.h"

#include <string.h>

#include "base/crc32.h"

static uint32_t crc_of(const rg_slot* slot) {
    return bs_crc32(0, &slot->number, sizeof *slot - sizeof slot->crc);
}

static rg_slot* slot_of(const rg_ring* ring, uint32_t number) {
    return &ring->slots[number % RG_SLOTS];
}

static bool is_whole(const rg_ring* ring, const rg_slot* slot) {
    return slot->number != 0 && slot_of(ring, slot->number) == slot && slot->reading.count <= RG_VALUES &&
           slot->crc == crc_of(slot);
}

void rg_init(rg_ring* ring, rg_slot slots[RG_SLOTS]) {
    *ring = (rg_ring){.slots = slots, .first = 1};
    uint32_t newest = 0;
    for (uint32_t i = 0; i < RG_SLOTS; ++i)
        if (is_whole(ring, &slots[i]) && slots[i].number > newest) newest = slots[i].number;
    if (newest == 0) {
        memset(slots, 0, RG_SLOTS * sizeof slots[0]);
        return;
    }
    // Backwards from the newest as long as there is no gap: a slot that was being written is one.
    ring->first = newest;
    ring->count = 1;
    while (ring->count < RG_SLOTS && ring->first > 1) {
        const rg_slot* before = slot_of(ring, ring->first - 1);
        if (!is_whole(ring, before) || before->number != ring->first - 1) break;
        --ring->first;
        ++ring->count;
    }
}

void rg_put(rg_ring* ring, const rg_reading* reading) {
    if (ring->count == RG_SLOTS) {
        ++ring->dropped;
        rg_pop(ring);
    }
    rg_slot* slot = slot_of(ring, ring->first + ring->count);
    memset(slot, 0, sizeof *slot);  // padding has a part in the checksum
    slot->number = ring->first + ring->count;
    slot->reading.at_s = reading->at_s;
    slot->reading.count = reading->count;
    memcpy(slot->reading.channels, reading->channels, sizeof slot->reading.channels);
    memcpy(slot->reading.exponents, reading->exponents, sizeof slot->reading.exponents);
    memcpy(slot->reading.mantissas, reading->mantissas, sizeof slot->reading.mantissas);
    slot->crc = crc_of(slot);
    ++ring->count;
}

const rg_reading* rg_peek(const rg_ring* ring, uint32_t index) {
    return index < ring->count ? &slot_of(ring, ring->first + index)->reading : NULL;
}

void rg_pop(rg_ring* ring) {
    if (ring->count == 0) return;
    slot_of(ring, ring->first)->number = 0;  // no slot has that, whatever its checksum
    ++ring->first;
    --ring->count;
}
