// SPDX-License-Identifier: Apache-2.0
//
// How a node's datagrams get to its gateway and back: by the modem on the board's UART, or by whatever else a
// machine has. Each call returns at once.
#ifndef NARROWGATE_FIRMWARE_APP_LINK_H
#define NARROWGATE_FIRMWARE_APP_LINK_H

#include "modem/sara_n2.h"

#ifdef __cplusplus
extern "C" {
#endif

// The calls mean what those of sara_n2.h mean; their first argument is the link.
typedef struct nd_link {
    // Brings it up. `kept`: what kept() said before the node's last sleep, or SN_CONFIGURE_ANEW.
    void (*start)(void* self, int32_t kept);
    // Milliseconds until the next call; earlier when something comes.
    uint32_t (*step)(void* self);
    bool (*is_ready)(const void* self);
    // Nothing is under way: the node may sleep, and will hear no more of it.
    bool (*is_quiet)(const void* self);
    // `bytes` must stay until sending() is no longer SN_BUSY. False: not now.
    bool (*send)(void* self, const uint8_t* bytes, size_t size, sn_release release);
    sn_sending (*sending)(const void* self);
    void (*sending_seen)(void* self);
    // The datagram that has come from the gateway, valid until received_seen(); null: none.
    const uint8_t* (*received)(const void* self, size_t* size);
    void (*received_seen)(void* self);
    // Looks for a datagram whose news may have been lost.
    void (*look)(void* self);
    // A number that outlives the node's sleep.
    int32_t (*kept)(const void* self);
} nd_link;

// Of a sara_n2.
extern const nd_link nd_modem_link;

#ifdef __cplusplus
}
#endif

#endif
