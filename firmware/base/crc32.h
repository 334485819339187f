// SPDX-License-Identifier: Apache-2.0
//
// The CRC-32 of Ethernet and zlib (polynomial 0xedb88320, reflected), against damage and loss of supply; it
// proves nothing about who wrote.
#ifndef NARROWGATE_FIRMWARE_BASE_CRC32_H
#define NARROWGATE_FIRMWARE_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Of `bytes` behind those that gave `crc`; 0 at first.
uint32_t bs_crc32(uint32_t crc, const void* bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
