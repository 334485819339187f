// SPDX-License-Identifier: Apache-2.0
//
// What a fault leaves behind: the last PORT_CRASH_BYTES of the retained block, written by the fault's
// handler, read after the reset that follows, reported by the next uplink, once.
#ifndef NARROWGATE_FIRMWARE_BOARDS_COMMON_CRASH_H
#define NARROWGATE_FIRMWARE_BOARDS_COMMON_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Beside the exceptions of the core (DDI0403 section B1.5.2: 3 hard fault, 4 memory, 5 bus, 6 usage; 16 and
// up: an interrupt that has no handler).
#define CR_WATCHDOG 256u

typedef struct cr_fault {
    uint32_t exception;
    uint32_t pc;
    uint32_t lr;
    uint32_t psr;
    uint32_t cfsr;  // configurable fault status
    uint32_t hfsr;
    uint32_t address;  // of the access, where cfsr says that it is known
} cr_fault;

// Leaves `fault` in the retained block `retained`, in place of one that is there.
void cr_leave(uint8_t* retained, const cr_fault* fault);

// The fault that is there. False: none.
bool cr_find(const uint8_t* retained, cr_fault* fault);

// It was reported.
void cr_forget(uint8_t* retained);

#ifdef __cplusplus
}
#endif

#endif
