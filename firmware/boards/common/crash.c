// SPDX-License-Identifier: Apache-2.0
#include "boards/common/crash.h"

#include <string.h>

#include "base/crc32.h"
#include "port/port.h"

#define MARK UINT32_C(0x4e474358)  // "NGCX"

typedef struct left {
    uint32_t mark;
    uint32_t crc;  // of the fault
    cr_fault fault;
} left;
_Static_assert(sizeof(left) <= PORT_CRASH_BYTES,
               "the record does not fit into its part of the retained block");

static left* place(uint8_t* retained) {
    return (left*)(void*)(retained + PORT_RETAINED_BYTES - PORT_CRASH_BYTES);
}

void cr_leave(uint8_t* retained, const cr_fault* fault) {
    left* record = place(retained);
    record->mark = 0;
    record->fault = *fault;
    record->crc = bs_crc32(0, fault, sizeof *fault);
    record->mark = MARK;
}

bool cr_find(const uint8_t* retained, cr_fault* fault) {
    left record;
    memcpy(&record, retained + PORT_RETAINED_BYTES - PORT_CRASH_BYTES, sizeof record);
    if (record.mark != MARK || record.crc != bs_crc32(0, &record.fault, sizeof record.fault)) return false;
    *fault = record.fault;
    return true;
}

void cr_forget(uint8_t* retained) {
    place(retained)->mark = 0;
}
