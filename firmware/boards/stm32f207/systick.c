// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/systick.h"

#include "boards/stm32f207/registers.h"

void st_systick_start(uint32_t core_hz) {
    st_write(SYSTICK_LOAD, core_hz / 1000u - 1u);
    st_write(SYSTICK_VAL, 0);
    st_write(SYSTICK_CTRL, SYSTICK_CTRL_ENABLE | SYSTICK_CTRL_TICKINT | SYSTICK_CTRL_CLKSOURCE);
}

void st_systick_stop(void) {
    st_write(SYSTICK_CTRL, 0);
}
