// SPDX-License-Identifier: Apache-2.0
//
// The timers of power saving mode as AT+CPSMS takes them: eight bits in text, a unit and a count (3GPP
// TS 24.008 sections 10.5.7.3 and 10.5.7.4a).
#ifndef NARROWGATE_FIRMWARE_MODEM_PSM_TIMERS_H
#define NARROWGATE_FIRMWARE_MODEM_PSM_TIMERS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PSM_BITS 9u  // with the 0 at the end

// The periodic update T3412 extended, and the time awake T3324: the shortest that is not below `seconds`, or
// the longest there is (9920 h; 186 min).
void psm_periodic(uint32_t seconds, char bits[PSM_BITS]);
void psm_active(uint32_t seconds, char bits[PSM_BITS]);

#ifdef __cplusplus
}
#endif

#endif
