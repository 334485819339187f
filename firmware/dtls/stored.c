// SPDX-License-Identifier: Apache-2.0
#include "dtls/stored.h"

#include <string.h>

#include "base/crc32.h"

#define MARK UINT32_C(0x4e475331)  // "NGS1"; another layout takes another

static uint32_t crc_of(const dt_client* client, const dt_stored* stored) {
    uint32_t crc = bs_crc32(0, client->options.identity, client->options.identity_size);
    crc = bs_crc32(crc, client->options.psk, client->options.psk_size);
    crc = bs_crc32(crc, &stored->size, sizeof stored->size);
    return bs_crc32(crc, stored->context, stored->size);
}

// The mark is written as volatile: the compiler must not put it off to behind a datagram.
static void set_mark(dt_stored* stored, uint32_t mark) {
    *(volatile uint32_t*)&stored->mark = mark;
}

bool dt_is_stored(const dt_client* client, const dt_stored* stored) {
    return stored->mark == MARK && stored->size > 0 && stored->size <= sizeof stored->context &&
           stored->crc == crc_of(client, stored);
}

bool dt_store(dt_client* client, dt_stored* stored) {
    set_mark(stored, 0);
    const size_t size = dt_save(client, stored->context, sizeof stored->context);
    if (size == 0) return false;
    stored->size = (uint32_t)size;
    stored->crc = crc_of(client, stored);
    set_mark(stored, MARK);
    return true;
}

bool dt_restore(dt_client* client, dt_stored* stored) {
    const bool good = dt_is_stored(client, stored);
    set_mark(stored, 0);
    const bool loaded = good && dt_load(client, stored->context, stored->size);
    memset(stored, 0, sizeof *stored);
    return loaded;
}
