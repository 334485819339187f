// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/backup.h"

#include "boards/stm32f207/registers.h"

// The regulator takes less than a millisecond.
#define REGULATOR_READS 100000u

enum { NOTE_WHAT = 0, NOTE_VALUE = 1 };

// What is there after a loss of supply is 0, and no note.
#define NOTE_MARK UINT32_C(0x4e470000)

void st_backup_open(void) {
    st_set(RCC_APB1ENR, RCC_APB1ENR_PWR);
    (void)st_read(RCC_APB1ENR);  // the clock needs two cycles
    st_set(PWR_CR, PWR_CR_DBP);
    // RM0033, PWR_CR: the write goes through two bridges before it holds.
    st_wait(PWR_CR, PWR_CR_DBP, PWR_CR_DBP, 100);
}

bool st_backup_start(void) {
    st_set(RCC_AHB1ENR, RCC_AHB1ENR_BKPSRAM);
    st_set(PWR_CSR, PWR_CSR_BRE);
    return st_wait(PWR_CSR, PWR_CSR_BRR, PWR_CSR_BRR, REGULATOR_READS);
}

void st_backup_leave_note(uint32_t what, uint32_t value) {
    st_write(RTC_BKPR(NOTE_VALUE), value);
    st_write(RTC_BKPR(NOTE_WHAT), NOTE_MARK | what);
}

uint32_t st_backup_take_note(uint32_t* value) {
    const uint32_t note = st_read(RTC_BKPR(NOTE_WHAT));
    *value = st_read(RTC_BKPR(NOTE_VALUE));
    st_write(RTC_BKPR(NOTE_WHAT), 0);
    return (note & UINT32_C(0xffff0000)) == NOTE_MARK ? note & 0xffffu : 0;
}
