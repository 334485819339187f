// SPDX-License-Identifier: Apache-2.0
//
// The node: measures on an interval, keeps what was measured until the gateway has acknowledged it, and
// sleeps in between with its session kept. Everything below it is put together here, by hand.
//
//     nd_init(); loop: wait = nd_step(); if (nd_may_sleep() and it is worth it) nd_sleep(); else wait so long
//     or for a byte
#ifndef NARROWGATE_FIRMWARE_APP_NODE_H
#define NARROWGATE_FIRMWARE_APP_NODE_H

#include "app/link.h"
#include "app/pack.h"
#include "app/sensors.h"
#include "coap/client.h"
#include "dtls/stored.h"
#include "port/port.h"
#include "provisioning/block.h"
#include "readings/ring.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nd_state {
    ND_UNPROVISIONED,  // the console says which field; nothing else happens
    ND_NO_ENTROPY,     // the random number generator failed: no start
    ND_RUNNING,
    ND_STOPPED,  // the gateway said 4.03: it measures, and asks once a day whether that is still so
} nd_state;

// In the retained block, which may hold anything after a loss of supply.
typedef struct nd_kept {
    uint32_t crc;  // of all that follows
    uint32_t mark;
    uint32_t provisioning_crc;
    uint32_t next_mid;
    int32_t link;  // nd_link.kept()
    uint32_t sample_at_s;
    uint32_t clock_set_at_s;  // or last found right; 0: never asked
    uint32_t hold_until_s;    // with `holding`
    uint8_t holding, stopped, troubles, padding;
    int64_t unix_at_zero;  // 0: there is no clock
} nd_kept;

typedef struct nd_retained {
    dt_stored session;
    nd_kept kept;
    rg_slot slots[RG_SLOTS];
} nd_retained;

// Readings of one message: as many as fit with short names are four or five.
#define ND_PACK_BYTES 256u
#define ND_PACK_READINGS 5u

// Since nd_init(), for the log and for a person who looks.
typedef struct nd_counts {
    uint32_t samples;
    uint32_t acknowledged;  // readings
    uint32_t refused;       // readings that the gateway will never take: gone
    uint32_t deferred;      // answers that said "later"
    uint32_t unanswered;    // requests
    uint32_t handshakes;    // begun
    uint32_t handshakes_failed;
    uint32_t restored;  // sessions that outlived a sleep
} nd_counts;

// Members are nd_'s own but for state, fault, fault_field, counts and readings_a_message.
typedef struct nd_node {
    const port_table* port;
    const nd_sensors* sensors;
    nd_state state;
    pv_fault fault;
    unsigned fault_field;
    nd_counts counts;
    uint32_t readings_a_message;  // at most; nd_init() has it ND_PACK_READINGS, and a board may set less

    struct provisioning provisioning;
    uint32_t provisioning_crc;  // of the page it was read from
    nd_retained* retained;
    rg_ring ring;
    sara_n2 modem;  // idle where the node has another link
    const nd_link* link;
    void* link_self;
    int32_t link_kept;
    bool modem_started;  // or whatever else the link is
    dt_client dtls;
    co_client coap;

    uint32_t sample_at_s;
    nd_time time;
    uint32_t clock_set_at_s;
    bool asking;     // a request with readings is outstanding
    bool asks_time;  // it says what our clock says
    uint32_t asked_readings;
    uint8_t resends_looked;  // retransmissions after which the modem was asked for lost news
    uint8_t troubles;        // in a row
    bool holding_off;        // until `hold_until_s`
    uint32_t hold_until_s;
    uint32_t progress_s;  // when something was last achieved
    sn_release release;   // of the datagram that waits
    uint8_t pack[ND_PACK_BYTES];
    uint8_t plain[DT_DATAGRAM_BYTES];
} nd_node;

// By the modem on the board's UART.
void nd_init(nd_node* node, const port_table* port, const nd_sensors* sensors);
// By another link, which must outlive the node.
void nd_init_with(nd_node* node, const port_table* port, const nd_sensors* sensors, const nd_link* link,
                  void* link_self);

// Does what is due; milliseconds until the next call, earlier when a byte comes.
uint32_t nd_step(nd_node* node);

// A fault that the board has kept over its reset goes to the gateway as a reading of its own (ND_FAULT in
// sensors.h), unless the same one waits there already. False: this node sends nothing.
bool nd_report_fault(nd_node* node, uint32_t exception, uint32_t pc, uint32_t lr, uint32_t status);

// Nothing is under way: what happens next is the next sample, or the end of a wait.
bool nd_may_sleep(const nd_node* node);

// Keeps the session and goes to standby for at most `ms`. On a board this ends in a reset and nd_init().
void nd_sleep(nd_node* node, uint32_t ms);

#ifdef __cplusplus
}
#endif

#endif
