// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <string.h>

bs_text bs_text_in(char* out, size_t capacity) {
    out[0] = '\0';
    return (bs_text){.out = out, .capacity = capacity};
}

void bs_put(bs_text* text, const char* part) {
    for (; *part != '\0'; ++part) {
        if (text->size + 1 == text->capacity) {
            text->cut = true;
            break;
        }
        text->out[text->size++] = *part;
    }
    text->out[text->size] = '\0';
}

void bs_put_unsigned(bs_text* text, uint32_t value) {
    char digits[11];  // 4 294 967 295 and the end
    char* first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    bs_put(text, first);
}

void bs_put_signed(bs_text* text, int32_t value) {
    if (value < 0) bs_put(text, "-");
    bs_put_unsigned(text, value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

bool bs_has(const char* text, const char* part) {
    const size_t size = strlen(part);
    for (; *text != '\0'; ++text)
        if (strncmp(text, part, size) == 0) return true;
    return size == 0;
}
