// SPDX-License-Identifier: Apache-2.0
//
// The battery-backed clock: seconds that no reset moves, and the timer that ends stop and standby. The backup
// domain is open.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_RTC_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_RTC_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum st_rtc_source {
    ST_RTC_LSE,   // the board's crystal of 32 768 Hz
    ST_RTC_LSI,   // the chip's own 32 kHz, which are 17 to 47: seconds are rough
    ST_RTC_NONE,  // neither: no seconds, no wake-up
} st_rtc_source;

// The longest sleep of the wake-up timer: 17 bits of seconds.
#define ST_RTC_WAKE_MS_MAX 131072000u

// Lets it run on after a reset, or sets it going. After a loss of supply that takes up to two seconds.
st_rtc_source st_rtc_start(void);

// Since it was set going. Only while it runs.
uint32_t st_rtc_seconds(void);
// After a stop the registers that are read are old ones for a moment.
void st_rtc_resync(void);

// Wakes the chip after `ms`, at least half a millisecond, at most ST_RTC_WAKE_MS_MAX; from 32 s on in full
// seconds. False: the timer does not take it.
bool st_rtc_wake_after(uint32_t ms);
// Whether that time has come.
bool st_rtc_is_time(void);

#ifdef __cplusplus
}
#endif

#endif
