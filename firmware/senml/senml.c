// SPDX-License-Identifier: Apache-2.0
#include "senml/senml.h"

#include <string.h>

// RFC 8428 section 6, table 4.
enum {
    LABEL_BASE_NAME = -2,
    LABEL_BASE_TIME = -3,
    LABEL_NAME = 0,
    LABEL_UNIT = 1,
    LABEL_VALUE = 2,
    LABEL_STRING_VALUE = 3,
    LABEL_BOOLEAN_VALUE = 4,
    LABEL_TIME = 6,
    LABEL_DATA_VALUE = 8,
};

// RFC 8949 section 3.1, the upper three bits of an item's first byte.
enum {
    MAJOR_UNSIGNED = 0 << 5,
    MAJOR_NEGATIVE = 1 << 5,
    MAJOR_BYTES = 2 << 5,
    MAJOR_TEXT = 3 << 5,
    MAJOR_ARRAY = 4 << 5,
    MAJOR_MAP = 5 << 5,
    MAJOR_TAG = 6 << 5,
};

#define TAG_DECIMAL_FRACTION 4u  // RFC 8949 section 3.4.4
#define SIMPLE_FALSE 0xf4u       // RFC 8949 section 3.3
#define SIMPLE_TRUE 0xf5u

static void put(sm_writer* writer, const void* bytes, size_t size) {
    if (writer->failed || size > writer->capacity - writer->used) {
        writer->failed = true;
        return;
    }
    if (size != 0) memcpy(writer->out + writer->used, bytes, size);
    writer->used += size;
}

static void put_byte(sm_writer* writer, unsigned byte) {
    const uint8_t value = (uint8_t)byte;
    put(writer, &value, 1);
}

// An item's head in its shortest form (RFC 8949 section 3).
static void put_head(sm_writer* writer, unsigned major, uint64_t argument) {
    if (argument < 24) {
        put_byte(writer, major | (unsigned)argument);
        return;
    }
    unsigned log = 0;  // 1 << log bytes follow
    while (log < 3 && (argument >> (8u << log)) != 0)
        ++log;
    put_byte(writer, major | (24u + log));
    for (unsigned left = 1u << log; left > 0; --left)
        put_byte(writer, (unsigned)(argument >> (8 * (left - 1))) & 0xffu);
}

static void put_integer(sm_writer* writer, int64_t value) {
    if (value < 0)
        put_head(writer, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
    else
        put_head(writer, MAJOR_UNSIGNED, (uint64_t)value);
}

// Dividing 64 bits takes a library of 900 bytes on a Cortex-M3, and no sensor gives so many.
static bool is_divisible_by_10(int64_t mantissa) {
    return mantissa >= INT32_MIN && mantissa <= INT32_MAX && (int32_t)mantissa % 10 == 0;
}

static void put_decimal(sm_writer* writer, sm_decimal number) {
    // Trailing zeros say nothing and cost bytes: 2500e-2 is 25.
    while (number.exponent < 0 && is_divisible_by_10(number.mantissa)) {
        number.mantissa = (int32_t)number.mantissa / 10;
        ++number.exponent;
        if (number.mantissa == 0) number.exponent = 0;
    }
    if (number.exponent != 0) {
        put_head(writer, MAJOR_TAG, TAG_DECIMAL_FRACTION);
        put_head(writer, MAJOR_ARRAY, 2);
        put_integer(writer, number.exponent);
    }
    put_integer(writer, number.mantissa);
}

static void put_text(sm_writer* writer, const char* text) {
    const size_t size = strlen(text);
    put_head(writer, MAJOR_TEXT, size);
    put(writer, text, size);
}

static void put_value(sm_writer* writer, const sm_record* record) {
    switch (record->kind) {
        case SM_NUMBER:
            put_integer(writer, LABEL_VALUE);
            put_decimal(writer, record->number);
            break;
        case SM_TEXT:
            put_integer(writer, LABEL_STRING_VALUE);
            put_text(writer, record->text == NULL ? "" : record->text);
            break;
        case SM_BOOLEAN:
            put_integer(writer, LABEL_BOOLEAN_VALUE);
            put_byte(writer, record->boolean ? SIMPLE_TRUE : SIMPLE_FALSE);
            break;
        case SM_DATA:
            put_integer(writer, LABEL_DATA_VALUE);
            put_head(writer, MAJOR_BYTES, record->data_size);
            put(writer, record->data, record->data_size);
            break;
        case SM_NO_VALUE:
            break;
    }
}

void sm_begin(sm_writer* writer, uint8_t* out, size_t capacity, size_t records) {
    *writer = (sm_writer){.out = out, .capacity = capacity, .records_left = records};
    put_head(writer, MAJOR_ARRAY, records);
}

void sm_add(sm_writer* writer, const sm_record* record) {
    if (writer->records_left == 0) {
        writer->failed = true;
        return;
    }
    --writer->records_left;
    const unsigned fields = (record->base_name != NULL ? 1u : 0u) + (record->base_time != 0 ? 1u : 0u) +
                            (record->name != NULL ? 1u : 0u) + (record->unit != NULL ? 1u : 0u) +
                            (record->time != 0 ? 1u : 0u) + (record->kind != SM_NO_VALUE ? 1u : 0u);
    put_head(writer, MAJOR_MAP, fields);
    if (record->base_name != NULL) {
        put_integer(writer, LABEL_BASE_NAME);
        put_text(writer, record->base_name);
    }
    if (record->base_time != 0) {
        put_integer(writer, LABEL_BASE_TIME);
        put_integer(writer, record->base_time);
    }
    if (record->name != NULL) {
        put_integer(writer, LABEL_NAME);
        put_text(writer, record->name);
    }
    if (record->unit != NULL) {
        put_integer(writer, LABEL_UNIT);
        put_text(writer, record->unit);
    }
    put_value(writer, record);
    if (record->time != 0) {
        put_integer(writer, LABEL_TIME);
        put_integer(writer, record->time);
    }
}

size_t sm_end(sm_writer* writer) {
    return writer->failed || writer->records_left != 0 ? 0 : writer->used;
}
