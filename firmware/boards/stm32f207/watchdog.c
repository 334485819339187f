// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/watchdog.h"

#include "boards/stm32f207/registers.h"

// RM0033, IWDG_KR and IWDG_PR.
#define KEY_START 0xccccu
#define KEY_CHANGE 0x5555u
#define KEY_FEED 0xaaaau
#define DIVIDE_BY_256 6u
#define COUNT_MAX 0xfffu

// Its registers change within five cycles of its slow clock, 300 us.
#define CHANGE_READS 400000u

bool st_watchdog_start(void) {
    // It starts its own oscillator; without that the changes would never be taken.
    st_write(IWDG_KR, KEY_START);
    st_write(IWDG_KR, KEY_CHANGE);
    st_write(IWDG_PR, DIVIDE_BY_256);
    st_write(IWDG_RLR, COUNT_MAX);
    const bool changed = st_wait(IWDG_SR, 3u, 0, CHANGE_READS);
    st_watchdog_feed();
    return changed;
}

void st_watchdog_feed(void) {
    st_write(IWDG_KR, KEY_FEED);
}
