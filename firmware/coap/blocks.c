// SPDX-License-Identifier: Apache-2.0
#include "coap/blocks.h"

#include <string.h>

// Content that changes faster than it can be fetched.
#define RESTARTS_MAX 3u

// RFC 7959 section 2.2: number, M, SZX.
#define SZX_MASK 7u
#define MORE 8u
#define NUMBER_SHIFT 4u
#define NUMBER_MAX UINT32_C(0xfffff)

#define SMALLEST_BLOCK_BITS 4u  // 16 bytes

static size_t bytes_of(uint32_t szx) {
    return (size_t)1 << (szx + SMALLEST_BLOCK_BITS);
}

// Of the block that begins behind `size` bytes.
static size_t number_of(size_t size, uint32_t szx) {
    return size >> (szx + SMALLEST_BLOCK_BITS);
}

static void start(co_blocks* blocks) {
    blocks->size = 0;
    blocks->etag_size = 0;
    blocks->szx = CO_BLOCKS_SZX;
}

void co_blocks_init(co_blocks* blocks, const co_request* request, uint8_t* out, size_t capacity) {
    memset(blocks, 0, sizeof *blocks);
    blocks->request = *request;
    blocks->out = out;
    blocks->capacity = capacity;
    blocks->content_format = CO_NO_FORMAT;
    start(blocks);
}

bool co_blocks_ask(co_blocks* blocks, co_client* client) {
    if (blocks->state != CO_BLOCKS_GOING) return false;
    blocks->block2 = (uint32_t)number_of(blocks->size, blocks->szx) << NUMBER_SHIFT | blocks->szx;
    blocks->request.block2 = &blocks->block2;
    return co_begin(client, &blocks->request);
}

static co_blocks_state end(co_blocks* blocks, co_blocks_state state) {
    blocks->state = state;
    return state;
}

static bool is_same_content(const co_blocks* blocks, const co_message* response) {
    return response->etag_size == blocks->etag_size &&
           (blocks->etag_size == 0 || memcmp(response->etag, blocks->etag, blocks->etag_size) == 0);
}

static void note_content(co_blocks* blocks, const co_message* response) {
    blocks->code = response->code;
    blocks->content_format = response->content_format;
    blocks->etag_size = (uint8_t)response->etag_size;
    if (response->etag_size != 0) memcpy(blocks->etag, response->etag, response->etag_size);
}

static bool append(co_blocks* blocks, const co_message* response) {
    if (response->payload_size > blocks->capacity - blocks->size) return false;
    if (response->payload_size != 0)
        memcpy(blocks->out + blocks->size, response->payload, response->payload_size);
    blocks->size += response->payload_size;
    return true;
}

// Its size may be smaller than what was asked for, not larger, and the next block must begin where it ends.
static bool fits(const co_blocks* blocks, const co_message* response) {
    const uint32_t szx = response->block2 & SZX_MASK;
    const bool more = (response->block2 & MORE) != 0;
    return szx <= blocks->szx && (response->block2 >> NUMBER_SHIFT) * bytes_of(szx) == blocks->size &&
           (more ? response->payload_size == bytes_of(szx) : response->payload_size <= bytes_of(szx));
}

co_blocks_state co_blocks_take(co_blocks* blocks, const co_message* response) {
    if (blocks->state != CO_BLOCKS_GOING) return blocks->state;
    if (response->code >> 5 != 2) {
        blocks->code = response->code;
        return end(blocks, CO_BLOCKS_REFUSED);
    }
    if (blocks->size != 0 && !is_same_content(blocks, response)) {
        if (++blocks->restarts > RESTARTS_MAX) return end(blocks, CO_BLOCKS_BROKEN);
        start(blocks);
        return blocks->state;
    }
    if (blocks->size == 0) note_content(blocks, response);
    if (!response->has_block2) {
        // All of it, at once.
        if (blocks->size != 0) return end(blocks, CO_BLOCKS_BROKEN);
        return end(blocks, append(blocks, response) ? CO_BLOCKS_COMPLETE : CO_BLOCKS_TOO_LONG);
    }
    if (!fits(blocks, response)) return end(blocks, CO_BLOCKS_BROKEN);
    if (!append(blocks, response)) return end(blocks, CO_BLOCKS_TOO_LONG);
    if ((response->block2 & MORE) == 0) return end(blocks, CO_BLOCKS_COMPLETE);
    blocks->szx = (uint8_t)(response->block2 & SZX_MASK);
    if (number_of(blocks->size, blocks->szx) > NUMBER_MAX) return end(blocks, CO_BLOCKS_TOO_LONG);
    return blocks->state;
}
