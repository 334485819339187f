// SPDX-License-Identifier: Apache-2.0
//
// What to do about an error of the modem: 3GPP TS 27.007 section 9.2, and the vendor's own numbers, which are
// known from modems of the same chipset and not certain here. So the numbers choose a first remedy only; the
// driver tries the next one when it does not help.
#ifndef NARROWGATE_FIRMWARE_MODEM_CME_H
#define NARROWGATE_FIRMWARE_MODEM_CME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cme_remedy {
    CME_WAIT,         // the modem is busy, or the network is not there: the same again, later
    CME_NEW_SOCKET,   // it does not know the socket any more
    CME_UNSUPPORTED,  // it does not know the command
    CME_RESTART,      // its inner state is wrong
} cme_remedy;

// -1: "ERROR" without a number.
cme_remedy cme_remedy_of(int32_t code);

#ifdef __cplusplus
}
#endif

#endif
