// SPDX-License-Identifier: Apache-2.0
//
// Reads the fields of one line that a modem said: integers and strings between commas. An error sticks, so
// that a chain of reads needs one look at its end.
#ifndef NARROWGATE_FIRMWARE_AT_FIELDS_H
#define NARROWGATE_FIRMWARE_AT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct at_fields {
    const char* next;  // null: behind the last field
    bool failed;       // something was read that was not there, or was something else
} at_fields;

// Whether `line` begins with `prefix` and a colon, a comma or its end follows: "+CEREG" is no prefix of
// "+CEREGX: 1".
bool at_has_prefix(const char* line, const char* prefix);

// The fields behind "PREFIX:" and spaces, or of a line that has no prefix (null). `line` must outlive the
// reader.
at_fields at_fields_of(const char* line, const char* prefix);

// Whether another field is there, empty or not.
bool at_more(const at_fields* fields);

// A decimal integer, bare or in quotes, in the range of int32_t; 0 and failed when the field is anything
// else.
int32_t at_integer(at_fields* fields);
// As at_integer(), for a field that may be empty or missing: `otherwise` then.
int32_t at_integer_or(at_fields* fields, int32_t otherwise);
// A string, its quotes taken off. Failed when it needs more than `capacity` - 1 characters; `text` always
// ends in 0.
void at_string(at_fields* fields, char* text, size_t capacity);
// Whether the next field is in quotes.
bool at_is_quoted(const at_fields* fields);
void at_skip(at_fields* fields);

#ifdef __cplusplus
}
#endif

#endif
