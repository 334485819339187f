// SPDX-License-Identifier: Apache-2.0
//
// Puts text and numbers together in a buffer of the caller's. newlib's printf would be a tenth of the image.
#ifndef NARROWGATE_FIRMWARE_BASE_TEXT_H
#define NARROWGATE_FIRMWARE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// `out` always ends in 0. What does not fit is left out, and `cut` says so.
typedef struct bs_text {
    char* out;
    size_t capacity;
    size_t size;
    bool cut;
} bs_text;

// `capacity` is at least 1.
bs_text bs_text_in(char* out, size_t capacity);
void bs_put(bs_text* text, const char* part);
void bs_put_unsigned(bs_text* text, uint32_t value);
void bs_put_signed(bs_text* text, int32_t value);

// Whether `part` is somewhere in `text`. newlib's strstr() is 1 KB.
bool bs_has(const char* text, const char* part);

#ifdef __cplusplus
}
#endif

#endif
