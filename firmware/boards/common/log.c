// SPDX-License-Identifier: Apache-2.0
#include "boards/common/log.h"

size_t lg_compose(char* line, uint32_t now_ms, port_level level, const char* text) {
    static const char* const kLevels[] = {" E ", " W ", " I ", " D "};
    bs_text out = bs_text_in(line, LG_LINE_BYTES - 2);  // without its end
    bs_put_unsigned(&out, now_ms / 1000);
    const uint32_t ms = now_ms % 1000;
    bs_put(&out, ms < 10 ? ".00" : ms < 100 ? ".0" : ".");
    bs_put_unsigned(&out, ms);
    bs_put(&out, kLevels[level]);
    bs_put(&out, text);
    line[out.size++] = '\r';
    line[out.size++] = '\n';
    line[out.size] = '\0';
    return out.size;
}

void lg_put_hex(bs_text* text, uint32_t value) {
    static const char kDigits[] = "0123456789abcdef";
    char digits[11] = "0x";
    for (unsigned i = 0; i < 8; ++i)
        digits[2 + i] = kDigits[value >> (28 - 4 * i) & 15];
    digits[10] = '\0';
    bs_put(text, digits);
}
