// SPDX-License-Identifier: Apache-2.0
//
// Writes a SenML pack in CBOR (RFC 8428 section 6), each record as it comes, into bytes that the caller owns.
// No floating point: numbers are decimal fractions (RFC 8949 section 3.4.4), so 21.5 is 21.5 at the far end
// too, and a Cortex-M3 needs no library for it. Three values with short names take about 50 bytes.
//
//     sm_writer writer;
//     sm_begin(&writer, buffer, sizeof buffer, 2);
//     sm_record first = {.name = "t", .unit = "Cel", .kind = SM_NUMBER, .number = {215, -1}};
//     sm_add(&writer, &first); ...
//     size_t size = sm_end(&writer);  // 0: it did not fit
#ifndef NARROWGATE_FIRMWARE_SENML_SENML_H
#define NARROWGATE_FIRMWARE_SENML_SENML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The CoAP Content-Format application/senml+cbor (RFC 8428 section 12.3).
#define SM_CONTENT_FORMAT 112u

// Times below this are relative to when the pack is received (RFC 8428 section 4.5.3).
#define SM_FIRST_ABSOLUTE_TIME (INT64_C(1) << 28)

// mantissa * 10^exponent.
typedef struct sm_decimal {
    int64_t mantissa;
    int8_t exponent;
} sm_decimal;

typedef enum sm_kind {
    SM_NUMBER,
    SM_TEXT,
    SM_BOOLEAN,
    SM_DATA,
    SM_NO_VALUE,  // base fields alone
} sm_kind;

// One record; null or zero fields are left out. Strings are UTF-8 and need only live during sm_add().
typedef struct sm_record {
    const char* base_name;
    int64_t base_time;  // seconds: since 1970 from SM_FIRST_ABSOLUTE_TIME on, else relative; 0: none
    const char* name;
    const char* unit;  // RFC 8428 section 12.1
    int64_t time;      // added to the base time; 0: none
    sm_kind kind;
    sm_decimal number;
    const char* text;
    bool boolean;
    const uint8_t* data;
    size_t data_size;
} sm_record;

// Members are sm_'s own.
typedef struct sm_writer {
    uint8_t* out;
    size_t capacity;
    size_t used;
    size_t records_left;
    bool failed;
} sm_writer;

// A pack of exactly `records` records. `out` must outlive the writer.
void sm_begin(sm_writer* writer, uint8_t* out, size_t capacity, size_t records);

// Errors stick until sm_end(): a record that does not fit, or one more than was announced.
void sm_add(sm_writer* writer, const sm_record* record);

// The size of the whole pack; 0 when a call failed or records are missing.
size_t sm_end(sm_writer* writer);

#ifdef __cplusplus
}
#endif

#endif
