// SPDX-License-Identifier: Apache-2.0
//
// Lines of the console:
//
//     12.345 I modem: is registered
//
// seconds since the start, a letter for the level (E, W, I, D), and what happened.
#ifndef NARROWGATE_FIRMWARE_BOARDS_COMMON_LOG_H
#define NARROWGATE_FIRMWARE_BOARDS_COMMON_LOG_H

#include "base/text.h"
#include "port/port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LG_LINE_BYTES 160u

// Writes the line, its end included, into `line` of LG_LINE_BYTES. One that is too long is cut.
size_t lg_compose(char* line, uint32_t now_ms, port_level level, const char* text);

// "0x0800123c": a register, an address.
void lg_put_hex(bs_text* text, uint32_t value);

#ifdef __cplusplus
}
#endif

#endif
