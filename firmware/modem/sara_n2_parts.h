// SPDX-License-Identifier: Apache-2.0
//
// Between the files of the driver; nothing for others. sara_n2.c moves bytes and passes what came of a
// command to the phase that asked; sara_n2_attach.c has the phases up to registration; sara_n2_traffic.c
// socket and datagrams.
#ifndef NARROWGATE_FIRMWARE_MODEM_SARA_N2_PARTS_H
#define NARROWGATE_FIRMWARE_MODEM_SARA_N2_PARTS_H

#include "base/text.h"
#include "modem/sara_n2.h"

// Unsolicited lines.
enum { SN_INCOMING, SN_REGISTRATION, SN_CONNECTION, SN_POWER_SAVING, SN_BOOT };

// Waits for a command's answer. The manual's times go up to minutes; these are what the field sees, doubled.
#define SN_QUICK_MS 3000u
#define SN_SEND_MS 15000u
#define SN_RADIO_MS 30000u
#define SN_NETWORK_MS 180000u

static inline uint32_t sn_now(const sara_n2* sn) {
    return sn->port->millis(sn->port->self);
}

void sn_enter(sara_n2* sn, sn_phase phase);
// No command, and no change of phase by time, before `ms` have passed.
void sn_pause(sara_n2* sn, uint32_t ms);
void sn_limit(sara_n2* sn, uint32_t ms);
bool sn_is_past_limit(const sara_n2* sn);
// Starts a command, and tells the log.
void sn_begin(sara_n2* sn, const at_command* command);
// Starts a command whose text is in sn->text or constant.
void sn_ask(sara_n2* sn, const char* text, const char* prefix, uint32_t timeout_ms);
// "AT" first, then `phase`.
void sn_wake(sara_n2* sn, sn_phase phase);
// The modem cannot be helped by words: reset, or supply.
void sn_restart(sara_n2* sn);
// Later: waits longer with each failure in a row.
void sn_rest(sara_n2* sn);
uint32_t sn_random(const sara_n2* sn);
void sn_log(const sara_n2* sn, port_level level, const char* text, const char* detail);

// Of each phase: asks the next command, and takes what came of it.
void sn_attach_ask(sara_n2* sn);
void sn_attach_result(sara_n2* sn, at_result result);
bool sn_attach_answer(sara_n2* sn, const char* line);
void sn_traffic_ask(sara_n2* sn);
void sn_traffic_result(sara_n2* sn, at_result result);
bool sn_traffic_answer(sara_n2* sn, const char* line);
void sn_traffic_lost(sara_n2* sn);

// Reads +CEREG in its two forms: "<n>,<stat>..." answers a question, "<stat>[,...]" comes by itself. False:
// the other.
bool sn_read_registration(const char* line, bool answers, int32_t* stat);

#endif
