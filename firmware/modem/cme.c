// SPDX-License-Identifier: Apache-2.0
#include "modem/cme.h"

cme_remedy cme_remedy_of(int32_t code) {
    switch (code) {
        case 4:  // operation not supported
            return CME_UNSUPPORTED;
        case 23:   // memory full
        case 30:   // no network service
        case 31:   // network timeout
        case 51:   // command implemented but currently disabled
        case 159:  // uplink busy, flow control
        case 525:  // aborted
        case 526:
        case 527:  // interrupted
            return CME_WAIT;
        case 514:  // AT internal error
        case 516:  // incorrect state
        case 522:  // UART parity
        case 523:  // UART frame
        case 524:  // minimal function mode
        case 528:  // configuration conflict
            return CME_RESTART;
        // 3 (not allowed) and 50 (incorrect parameters) are what is said of a socket that is not open.
        default:
            return CME_NEW_SOCKET;
    }
}
