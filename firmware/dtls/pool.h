// SPDX-License-Identifier: Apache-2.0
//
// The memory of one DTLS client: blocks out of a piece of static RAM, first fit, neighbours joined when
// freed. A block costs 8 bytes beside its content. mbedTLS has no argument for whose memory it takes, so a
// client puts its pool in place before it calls in; there is one at a time, and one thread.
#ifndef NARROWGATE_FIRMWARE_DTLS_POOL_H
#define NARROWGATE_FIRMWARE_DTLS_POOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A handshake and the loading of a kept context fit with room to spare, with pointers of 64 bits too.
#ifndef DT_POOL_BYTES  // a benchmark's client with certificates needs more
#define DT_POOL_BYTES 4096u
#endif

// Members are dt_pool_'s own, but for the figures.
typedef struct dt_pool {
    uint64_t memory[DT_POOL_BYTES / sizeof(uint64_t)];
    size_t used_bytes;  // blocks that are in use, with what they cost
    size_t peak_bytes;  // the most there were since dt_pool_init()
    uint32_t refusals;  // requests that did not fit
} dt_pool;

void dt_pool_init(dt_pool* pool);

// The pool that the two calls below mean; null: none, and nothing is given.
void dt_pool_use(dt_pool* pool);

// As calloc() and free(). Aligned to 8 bytes.
void* dt_pool_calloc(size_t count, size_t size);
void dt_pool_free(void* block);

#ifdef __cplusplus
}
#endif

#endif
