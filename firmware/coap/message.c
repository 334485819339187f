// SPDX-License-Identifier: Apache-2.0
#include "coap/message.h"

#include <string.h>

// RFC 7252 section 12.2 and the RFCs named beside each.
enum {
    OPTION_ETAG = 4,
    OPTION_URI_PATH = 11,
    OPTION_CONTENT_FORMAT = 12,
    OPTION_MAX_AGE = 14,
    OPTION_ACCEPT = 17,
    OPTION_BLOCK2 = 23,       // RFC 7959
    OPTION_NO_RESPONSE = 258  // RFC 7967
};

#define VERSION 1u
#define PAYLOAD_MARKER 0xffu
#define HEADER_BYTES 4u

typedef struct reader {
    const uint8_t* next;
    size_t left;
} reader;

// An option's delta or length: a nibble, or what follows it (RFC 7252 section 3.1).
static bool take_extended(reader* in, unsigned nibble, uint32_t* value) {
    const size_t more = nibble == 13 ? 1u : nibble == 14 ? 2u : 0u;
    if (nibble == 15 || in->left < more) return false;
    if (more == 0) *value = nibble;
    if (more == 1) *value = 13u + in->next[0];
    if (more == 2) *value = 269u + (((uint32_t)in->next[0] << 8) | in->next[1]);
    in->next += more;
    in->left -= more;
    return true;
}

static uint64_t long_of(const uint8_t* bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i)
        value = (value << 8) | bytes[i];
    return value;
}

static uint32_t uint_of(const uint8_t* bytes, size_t size) {
    return (uint32_t)long_of(bytes, size);
}

static void note_option(co_message* message, uint32_t number, const uint8_t* value, size_t size) {
    switch (number) {
        case OPTION_ETAG:
            if (size == 0 || size > CO_ETAG_BYTES_MAX || message->etag_size != 0) break;
            message->etag = value;
            message->etag_size = size;
            break;
        case OPTION_CONTENT_FORMAT:
            if (size <= 2) message->content_format = (int32_t)uint_of(value, size);
            break;
        case OPTION_MAX_AGE:
            if (size > 4) break;
            message->has_max_age = true;
            message->max_age_s = uint_of(value, size);
            break;
        case OPTION_BLOCK2:
            if (size > 3 || message->has_block2) {
                message->bad_option = true;
                break;
            }
            message->has_block2 = true;
            message->block2 = uint_of(value, size);
            break;
        case CO_OPTION_TIME:
            if (size > sizeof message->time_ms) break;
            message->has_time = true;
            message->time_ms = long_of(value, size);
            break;
        default:
            // Odd numbers are critical (RFC 7252 section 5.4.6).
            if ((number & 1u) != 0) message->bad_option = true;
            break;
    }
}

static bool take_options(reader* in, co_message* message) {
    uint32_t number = 0;
    while (in->left > 0 && in->next[0] != PAYLOAD_MARKER) {
        const uint8_t head = *in->next++;
        --in->left;
        uint32_t delta = 0;
        uint32_t size = 0;
        if (!take_extended(in, head >> 4, &delta) || !take_extended(in, head & 15u, &size)) return false;
        number += delta;
        if (number > UINT16_MAX || size > in->left) return false;
        note_option(message, number, in->next, size);
        in->next += size;
        in->left -= size;
    }
    if (in->left == 0) return true;
    ++in->next;  // the marker; nothing behind it is malformed (RFC 7252 section 3)
    --in->left;
    message->payload = in->next;
    message->payload_size = in->left;
    return in->left != 0;
}

co_fault co_parse(co_message* message, const uint8_t* bytes, size_t size) {
    *message = (co_message){.content_format = CO_NO_FORMAT};
    if (size < HEADER_BYTES || bytes[0] >> 6 != VERSION) return CO_NO_MESSAGE;
    message->type = (co_type)((bytes[0] >> 4) & 3);
    message->code = bytes[1];
    message->mid = (uint16_t)uint_of(bytes + 2, 2);
    const size_t token_size = bytes[0] & 15u;
    const unsigned class_ = message->code >> 5;
    if (token_size > CO_TOKEN_BYTES_MAX || token_size > size - HEADER_BYTES) return CO_MALFORMED;
    if (class_ == 1 || class_ >= 6) return CO_MALFORMED;
    if (message->code == CO_EMPTY && size != HEADER_BYTES) return CO_MALFORMED;
    message->token = bytes + HEADER_BYTES;
    message->token_size = token_size;
    reader in = {bytes + HEADER_BYTES + token_size, size - HEADER_BYTES - token_size};
    return take_options(&in, message) ? CO_GOOD : CO_MALFORMED;
}

typedef struct writer {
    uint8_t* out;
    size_t capacity;
    size_t used;
    bool failed;
    uint32_t last_number;
} writer;

static void put(writer* to, const void* bytes, size_t size) {
    if (to->failed || size > to->capacity - to->used) {
        to->failed = true;
        return;
    }
    if (size != 0) memcpy(to->out + to->used, bytes, size);
    to->used += size;
}

static unsigned nibble_of(size_t value) {
    return value < 13 ? (unsigned)value : value < 269 ? 13u : 14u;
}

static void put_extended(writer* to, size_t value) {
    if (value >= 269) {
        const uint8_t two[2] = {(uint8_t)((value - 269) >> 8), (uint8_t)(value - 269)};
        put(to, two, 2);
    } else if (value >= 13) {
        const uint8_t one = (uint8_t)(value - 13);
        put(to, &one, 1);
    }
}

// In ascending order of number.
static void put_option(writer* to, uint32_t number, const void* value, size_t size) {
    const uint32_t delta = number - to->last_number;
    const uint8_t head = (uint8_t)((nibble_of(delta) << 4) | nibble_of(size));
    put(to, &head, 1);
    put_extended(to, delta);
    put_extended(to, size);
    put(to, value, size);
    to->last_number = number;
}

// Below 2^24; in the fewest bytes, 0 in none (RFC 7252 section 3.2).
static void put_uint_option(writer* to, uint32_t number, uint32_t value) {
    const uint8_t bytes[3] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    const size_t size = value > UINT16_MAX ? 3u : value > UINT8_MAX ? 2u : value > 0 ? 1u : 0u;
    put_option(to, number, bytes + 3 - size, size);
}

static void put_time_option(writer* to, uint64_t ms) {
    uint8_t bytes[8];
    size_t size = 0;
    for (unsigned shift = 64; shift > 0; shift -= 8)
        if (size > 0 || ms >> (shift - 8) != 0) bytes[size++] = (uint8_t)(ms >> (shift - 8));
    put_option(to, CO_OPTION_TIME, bytes, size);
}

static void put_path(writer* to, const char* path) {
    while (*path != '\0') {
        const size_t size = strcspn(path, "/");
        put_option(to, OPTION_URI_PATH, path, size);
        path += size;
        if (*path == '/') ++path;
    }
}

size_t co_write_request(uint8_t* out, size_t capacity, const co_request* request, uint16_t mid,
                        uint8_t token) {
    writer to = {.out = out, .capacity = capacity};
    const unsigned type = request->confirmable ? CO_CON : CO_NON;
    const uint8_t head[] = {(uint8_t)((VERSION << 6) | (type << 4) | 1u), request->method,
                            (uint8_t)(mid >> 8), (uint8_t)mid, token};
    put(&to, head, sizeof head);
    put_path(&to, request->path);
    if (request->content_format >= 0)
        put_uint_option(&to, OPTION_CONTENT_FORMAT, (uint32_t)request->content_format);
    if (request->accept >= 0) put_uint_option(&to, OPTION_ACCEPT, (uint32_t)request->accept);
    if (request->block2 != NULL) put_uint_option(&to, OPTION_BLOCK2, *request->block2);
    if (request->no_response != 0) put_uint_option(&to, OPTION_NO_RESPONSE, request->no_response);
    if (request->time_ms != NULL) put_time_option(&to, *request->time_ms);
    if (request->payload_size > 0) {
        const uint8_t marker = PAYLOAD_MARKER;
        put(&to, &marker, 1);
        put(&to, request->payload, request->payload_size);
    }
    return to.failed ? 0 : to.used;
}

void co_write_empty(uint8_t out[CO_EMPTY_BYTES], co_type type, uint16_t mid) {
    out[0] = (uint8_t)((VERSION << 6) | ((unsigned)type << 4));
    out[1] = CO_EMPTY;
    out[2] = (uint8_t)(mid >> 8);
    out[3] = (uint8_t)mid;
}
