// SPDX-License-Identifier: Apache-2.0
//
// A long answer, fetched block by block (RFC 7959 section 2.4): one request after the other through a
// co_client, each block behind the one before, into memory of the caller's.
//
//     co_blocks_init(&blocks, &get, memory, sizeof memory)
//     until it is over: co_blocks_ask(&blocks, &client); run the client; co_blocks_take(&blocks,
//     &client.response) when it is CO_ANSWERED; co_close(&client)
#ifndef NARROWGATE_FIRMWARE_COAP_BLOCKS_H
#define NARROWGATE_FIRMWARE_COAP_BLOCKS_H

#include "coap/client.h"

#ifdef __cplusplus
extern "C" {
#endif

// The size exponent that is asked for: blocks of 256 bytes. With the next one, 512, no datagram of that size
// has room for anything else.
#define CO_BLOCKS_SZX 4u

typedef enum co_blocks_state {
    CO_BLOCKS_GOING,     // there is another to ask for
    CO_BLOCKS_COMPLETE,  // `size` bytes are in the caller's memory
    CO_BLOCKS_REFUSED,   // an answer that is no 2.xx: its `code`
    CO_BLOCKS_TOO_LONG,  // for the caller's memory, or for 20 bits of block numbers
    CO_BLOCKS_BROKEN,    // answers that make no sense, or another content each time
} co_blocks_state;

// Members are co_'s own but for state, size, code and content_format.
typedef struct co_blocks {
    co_blocks_state state;
    size_t size;  // so far
    uint8_t code;
    int32_t content_format;

    co_request request;
    uint32_t block2;
    uint8_t* out;
    size_t capacity;
    uint8_t szx;
    uint8_t restarts;
    uint8_t etag_size;
    uint8_t etag[CO_ETAG_BYTES_MAX];
} co_blocks;

// `request` is a GET; its path and `out` must live as long as `blocks`.
void co_blocks_init(co_blocks* blocks, const co_request* request, uint8_t* out, size_t capacity);

// Begins the request for the next block. False: it is over, or the client is not idle.
bool co_blocks_ask(co_blocks* blocks, co_client* client);

// Takes the answer to it. What has changed since the first block is fetched anew, a few times.
co_blocks_state co_blocks_take(co_blocks* blocks, const co_message* response);

#ifdef __cplusplus
}
#endif

#endif
