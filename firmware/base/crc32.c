// SPDX-License-Identifier: Apache-2.0
#include "base/crc32.h"

uint32_t bs_crc32(uint32_t crc, const void* bytes, size_t size) {
    // Bit by bit: a table would be a kilobyte of flash for a few hundred bytes an hour.
    const uint8_t* next = (const uint8_t*)bytes;
    crc = ~crc;
    for (; size > 0; --size) {
        crc ^= *next++;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0u - (crc & 1u)));
    }
    return ~crc;
}
