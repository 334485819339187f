// SPDX-License-Identifier: Apache-2.0
//
// The socket, and datagrams through it.
#include <string.h>

#include "modem/cme.h"
#include "modem/sara_n2_parts.h"

#define TRIES_MAX 3u
#define SEND_TRIES_MAX 5u
#define WAIT_FIRST_MS 2000u

// Behind this much silence the modem may sleep without having said so, and lose the first bytes of a command.
#define MAY_SLEEP_AFTER_MS 10000u

// Our own port: never CoAP's, which the modem keeps to itself, and another one for each socket, so that a NAT
// does not take it for the former.
#define PORT_FIRST 20000u
#define PORTS 40000u

#define ADDRESS_BYTES 40u
#define DATA_FIELD 4u  // of +NSORF's full answer
#define FULL_COMMAS 5u

// What a command of SN_READY was for.
enum { DOING_NOTHING, DOING_SEND, DOING_READ };

static void ask_for_socket(sara_n2* sn) {
    bs_text text = bs_text_in(sn->text, sizeof sn->text);
    if (sn->sockets_to_close > 0) {
        bs_put(&text, "AT+NSOCL=");
        bs_put_unsigned(&text, sn->sockets_to_close - 1u);
        sn_ask(sn, sn->text, NULL, SN_QUICK_MS);
        return;
    }
    bs_put(&text, "AT+NSOCR=\"DGRAM\",17,");
    bs_put_unsigned(&text, PORT_FIRST + sn_random(sn) % PORTS);
    bs_put(&text, ",1");
    sn->answer = -1;
    sn_ask(sn, sn->text, NULL, SN_QUICK_MS);
}

static void put_release(bs_text* text, sn_release release) {
    bs_put(text, release == SN_RELEASE_NOW ? "0x200" : release == SN_RELEASE_AFTER ? "0x400" : "0x000");
}

static void ask_to_send(sara_n2* sn) {
    bs_text text = bs_text_in(sn->text, sizeof sn->text);
    bs_put(&text, sn->plain_send ? "AT+NSOST=" : "AT+NSOSTF=");
    bs_put_unsigned(&text, (uint32_t)sn->socket);
    bs_put(&text, ",\"");
    bs_put(&text, sn->options.gateway);
    bs_put(&text, "\",");
    bs_put_unsigned(&text, sn->options.gateway_port);
    bs_put(&text, ",");
    if (!sn->plain_send) {
        put_release(&text, sn->out_release);
        bs_put(&text, ",");
    }
    bs_put_unsigned(&text, (uint32_t)sn->out_size);
    bs_put(&text, ",\"");
    const at_command command = {.text = sn->text,
                                .data = sn->out,
                                .data_size = sn->out_size,
                                .tail = "\"",
                                .timeout_ms = SN_SEND_MS,
                                .hex_field = AT_NO_FIELD};
    sn_begin(sn, &command);
    sn->step = DOING_SEND;
}

static void ask_to_read(sara_n2* sn) {
    // What is announced from now on is another datagram.
    sn->may_have_data = false;
    sn->in_announced = 0;
    sn->from_gateway = false;
    bs_text text = bs_text_in(sn->text, sizeof sn->text);
    bs_put(&text, "AT+NSORF=");
    bs_put_unsigned(&text, (uint32_t)sn->socket);
    bs_put(&text, ",");
    bs_put_unsigned(&text, SN_DATAGRAM_BYTES);
    const at_command command = {.text = sn->text,
                                .timeout_ms = SN_QUICK_MS,
                                .hex_field = DATA_FIELD,
                                .sink = sn->in,
                                .sink_capacity = sizeof sn->in};
    sn_begin(sn, &command);
    sn->step = DOING_READ;
}

void sn_traffic_ask(sara_n2* sn) {
    if (sn->phase == SN_OPENING) {
        ask_for_socket(sn);
        return;
    }
    sn->step = DOING_NOTHING;
    const bool reads = sn->may_have_data && sn->in_size == 0;
    if (!reads && sn->sending != SN_BUSY) return;
    if (sn->power_saving || sn_now(sn) - sn->heard_at > MAY_SLEEP_AFTER_MS)
        sn_wake(sn, SN_READY);
    else if (reads)
        ask_to_read(sn);
    else
        ask_to_send(sn);
}

static unsigned commas_of(const char* line) {
    unsigned commas = 0;
    bool quoted = false;
    for (; *line != '\0'; ++line) {
        if (*line == '"') quoted = !quoted;
        if (*line == ',' && !quoted) ++commas;
    }
    return commas;
}

// "<socket>,"<ip>",<port>,<length>,"<data>",<remaining>"; fewer fields: there is nothing.
static void read_datagram_line(sara_n2* sn, const char* line) {
    if (commas_of(line) < FULL_COMMAS) return;
    char address[ADDRESS_BYTES];
    at_fields fields = at_fields_of(line, NULL);
    at_skip(&fields);
    at_string(&fields, address, sizeof address);
    const int32_t from_port = at_integer(&fields);
    sn->in_announced = at_integer(&fields);
    sn->from_gateway = strcmp(address, sn->options.gateway) == 0 && from_port == sn->options.gateway_port;
    if (fields.failed) at_fail(&sn->at);
}

bool sn_traffic_answer(sara_n2* sn, const char* line) {
    at_fields fields = at_fields_of(line, NULL);
    const int32_t socket = at_integer(&fields);
    if (sn->phase == SN_OPENING) {
        if (fields.failed || socket < 0 || socket >= (int32_t)SN_SOCKETS || at_more(&fields)) return false;
        sn->answer = socket;
        return true;
    }
    if (fields.failed || socket != sn->socket) return false;
    if (sn->step == DOING_READ) read_datagram_line(sn, line);
    return true;
}

static void open_result(sara_n2* sn, at_result result) {
    if (sn->sockets_to_close > 0) {
        if (result != AT_TIMEOUT) --sn->sockets_to_close;  // one that is not open is refused, and all is well
        return;
    }
    if (result == AT_OK && sn->answer >= 0) {
        ++sn->counts.sockets;
        sn->socket = sn->answer;
        sn_enter(sn, SN_READY);
        return;
    }
    if (result == AT_TIMEOUT) return;
    sn->sockets_to_close = SN_SOCKETS;
    sn_pause(sn, WAIT_FIRST_MS);
    if (++sn->attempts == TRIES_MAX) sn_restart(sn);
}

static void open_anew(sara_n2* sn) {
    sn->sockets_to_close = (uint8_t)(sn->socket + 1);
    sn->socket = -1;
    sn_enter(sn, SN_OPENING);
}

static void end_sending(sara_n2* sn, sn_sending how) {
    sn->sending = how;
    sn->out = NULL;
    sn->out_tries = 0;
}

static void send_refused(sara_n2* sn) {
    const cme_remedy remedy = cme_remedy_of(sn->at.error_code);
    ++sn->out_tries;
    if (remedy == CME_UNSUPPORTED && !sn->plain_send) {
        sn->plain_send = true;
        return;
    }
    if (remedy == CME_WAIT && sn->out_tries < SEND_TRIES_MAX) {
        sn_pause(sn, WAIT_FIRST_MS << (sn->out_tries - 1));
        return;
    }
    if (remedy == CME_WAIT) {
        // Is there a network at all?
        end_sending(sn, SN_NOT_SENT);
        sn_enter(sn, SN_CHECKING);
        return;
    }
    if (remedy != CME_RESTART && sn->out_tries < TRIES_MAX) {
        open_anew(sn);
        return;
    }
    sn_restart(sn);
}

static void send_result(sara_n2* sn, at_result result) {
    if (result == AT_ERROR)
        send_refused(sn);
    else
        end_sending(sn, SN_SENT);  // without an answer too: it may be on the air
}

static void read_result(sara_n2* sn, at_result result) {
    if (result == AT_ERROR) {
        if (cme_remedy_of(sn->at.error_code) == CME_NEW_SOCKET) open_anew(sn);
        return;
    }
    if (result != AT_OK) {
        // The datagram is lost, if there was one; there may be others.
        if (++sn->attempts < TRIES_MAX) sn->may_have_data = true;
        return;
    }
    sn->attempts = 0;
    if (sn->in_announced <= 0) return;
    sn->may_have_data = true;  // one announcement may stand for several
    if (!sn->from_gateway) {
        ++sn->counts.strangers;
    } else if ((size_t)sn->in_announced == sn->at.sink_size) {
        sn->in_size = sn->at.sink_size;
    } else {
        ++sn->counts.garbled;
    }
}

void sn_traffic_result(sara_n2* sn, at_result result) {
    if (sn->phase == SN_OPENING)
        open_result(sn, result);
    else if (sn->step == DOING_SEND)
        send_result(sn, result);
    else if (sn->step == DOING_READ)
        read_result(sn, result);
}

void sn_traffic_lost(sara_n2* sn) {
    sn->socket = -1;
    sn->sockets_to_close = 0;
    sn->may_have_data = false;
    if (sn->sending == SN_BUSY) end_sending(sn, SN_NOT_SENT);
}

bool sn_is_ready(const sara_n2* sn) {
    return sn->phase == SN_READY && sn->sending != SN_BUSY;
}

bool sn_send(sara_n2* sn, const uint8_t* bytes, size_t size, sn_release release) {
    if (!sn_is_ready(sn) || size == 0 || size > SN_DATAGRAM_BYTES) return false;
    sn->out = bytes;
    sn->out_size = size;
    sn->out_release = release;
    sn->out_tries = 0;
    sn->sending = SN_BUSY;
    return true;
}

void sn_sending_seen(sara_n2* sn) {
    if (sn->sending != SN_BUSY) sn->sending = SN_NOTHING;
}

const uint8_t* sn_received(const sara_n2* sn, size_t* size) {
    *size = sn->in_size;
    return sn->in_size == 0 ? NULL : sn->in;
}

void sn_received_seen(sara_n2* sn) {
    sn->in_size = 0;
}

void sn_look(sara_n2* sn) {
    sn->may_have_data = true;
}

bool sn_is_quiet(const sara_n2* sn) {
    return sn_is_ready(sn) && !sn->may_have_data && sn->in_size == 0 && sn->at.result == AT_IDLE;
}
