// SPDX-License-Identifier: Apache-2.0
#include "dtls/pool.h"

#include <stdbool.h>
#include <string.h>

// Sizes count units of 8 bytes, the head included. Blocks lie side by side from the pool's start to its end.
typedef struct head {
    uint16_t units;
    uint16_t units_before;  // of the block in front; 0: this is the first
    uint32_t used;
} head;

#define UNIT sizeof(uint64_t)
#define POOL_UNITS (DT_POOL_BYTES / UNIT)
_Static_assert(sizeof(head) == UNIT, "a head is one unit");
_Static_assert(POOL_UNITS <= UINT16_MAX, "sizes are 16 bits");

// mbedTLS asks for memory without saying whose.
static dt_pool* in_use;

static head* first_of(dt_pool* pool) {
    return (head*)(void*)pool->memory;
}

static head* after(dt_pool* pool, head* block) {
    uint64_t* next = (uint64_t*)(void*)block + block->units;
    return next == pool->memory + POOL_UNITS ? NULL : (head*)(void*)next;
}

void dt_pool_init(dt_pool* pool) {
    memset(pool, 0, sizeof *pool);
    first_of(pool)->units = POOL_UNITS;
}

void dt_pool_use(dt_pool* pool) {
    in_use = pool;
}

// Gives what a block does not need to a free one behind it.
static void cut(dt_pool* pool, head* block, size_t units) {
    if (block->units - units < 2) return;  // a head alone is of no use
    const size_t rest_units = block->units - units;
    block->units = (uint16_t)units;
    head* rest = after(pool, block);
    *rest = (head){.units = (uint16_t)rest_units, .units_before = (uint16_t)units};
    head* next = after(pool, rest);
    if (next != NULL) next->units_before = rest->units;
}

void* dt_pool_calloc(size_t count, size_t size) {
    dt_pool* pool = in_use;
    if (pool == NULL) return NULL;
    if (size != 0 && count > DT_POOL_BYTES / size) {
        ++pool->refusals;
        return NULL;
    }
    const size_t bytes = count * size;
    const size_t units = 1 + (bytes == 0 ? 1 : (bytes + UNIT - 1) / UNIT);
    for (head* block = first_of(pool); block != NULL; block = after(pool, block)) {
        if (block->used != 0 || block->units < units) continue;
        cut(pool, block, units);
        block->used = 1;
        pool->used_bytes += block->units * UNIT;
        if (pool->used_bytes > pool->peak_bytes) pool->peak_bytes = pool->used_bytes;
        memset(block + 1, 0, (block->units - 1u) * UNIT);
        return block + 1;
    }
    ++pool->refusals;
    return NULL;
}

// Makes one free block of two that are side by side.
static void join(dt_pool* pool, head* block, const head* next) {
    block->units = (uint16_t)(block->units + next->units);
    head* behind = after(pool, block);
    if (behind != NULL) behind->units_before = block->units;
}

void dt_pool_free(void* content) {
    dt_pool* pool = in_use;
    if (pool == NULL || content == NULL) return;
    head* block = (head*)content - 1;
    block->used = 0;
    pool->used_bytes -= block->units * UNIT;
    head* next = after(pool, block);
    if (next != NULL && next->used == 0) join(pool, block, next);
    if (block->units_before == 0) return;
    head* before = (head*)(void*)((uint64_t*)(void*)block - block->units_before);
    if (before->used == 0) join(pool, before, block);
}
