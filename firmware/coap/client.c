// SPDX-License-Identifier: Apache-2.0
#include "coap/client.h"

#include "port/port.h"

#define MAX_RETRANSMIT_LIMIT 8u  // doubling ten seconds more often than that would pass an hour

void co_init(co_client* client, const co_options* options, const uint16_t* next_mid) {
    *client = (co_client){.options = *options};
    if (client->options.max_retransmit > MAX_RETRANSMIT_LIMIT)
        client->options.max_retransmit = MAX_RETRANSMIT_LIMIT;
    client->next_mid = next_mid != NULL ? *next_mid : (uint16_t)options->random(options->context);
}

bool co_begin(co_client* client, const co_request* request) {
    if (client->state != CO_IDLE) return false;
    const uint16_t mid = client->next_mid;
    // Over DTLS a token need only tell this request from those before it.
    const uint8_t token = (uint8_t)mid;
    client->request_size = co_write_request(client->request, sizeof client->request, request, mid, token);
    if (client->request_size == 0) return false;
    ++client->next_mid;
    client->mid = mid;
    client->token = token;
    client->confirmable = request->confirmable;
    client->wants_success = (request->no_response & CO_NO_SUCCESS) == 0;
    client->wants_answer = (request->no_response & CO_NO_ANSWER_AT_ALL) != CO_NO_ANSWER_AT_ALL;
    client->state = CO_WAITING;
    client->due = true;
    client->timing = false;
    client->retransmissions = 0;
    // Between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR (RFC 7252 section 4.2).
    const uint32_t spread = client->options.ack_timeout_ms / 2 + 1;
    client->timeout_ms =
        client->options.ack_timeout_ms + client->options.random(client->options.context) % spread;
    return true;
}

static void end(co_client* client, co_state state) {
    client->state = state;
    client->due = false;
    client->timing = false;
}

static void wait_until(co_client* client, uint32_t deadline) {
    client->timing = true;
    client->deadline = deadline;
}

static void pass_deadline(co_client* client) {
    client->timing = false;
    const bool again = client->state == CO_WAITING && client->confirmable &&
                       client->retransmissions < client->options.max_retransmit;
    if (!again) {
        // A NON that wants to hear of errors only is well when it hears nothing.
        const bool silence_is_good = !client->confirmable && !client->wants_success;
        client->response = (co_message){.content_format = CO_NO_FORMAT};
        end(client, silence_is_good ? CO_ANSWERED : CO_GAVE_UP);
        return;
    }
    ++client->retransmissions;
    client->timeout_ms *= 2;
    client->due = true;
}

uint32_t co_step(co_client* client, uint32_t now) {
    if (client->timing && port_reached(now, client->deadline)) pass_deadline(client);
    if (client->has_control || client->due || co_is_over(client->state)) return 0;
    return client->timing ? port_until(now, client->deadline) : PORT_NEVER;
}

const uint8_t* co_take(co_client* client, uint32_t now, size_t* size) {
    if (client->has_control) {
        client->has_control = false;
        *size = sizeof client->control;
        return client->control;
    }
    *size = 0;
    if (!client->due) return NULL;
    client->due = false;
    *size = client->request_size;
    if (client->confirmable) {
        wait_until(client, now + client->timeout_ms);
    } else if (client->wants_answer) {
        wait_until(client, now + client->options.separate_wait_ms);
    } else {
        client->response = (co_message){.content_format = CO_NO_FORMAT};
        end(client, CO_ANSWERED);
    }
    return client->request;
}

static void answer(co_client* client, co_type type, uint16_t mid) {
    co_write_empty(client->control, type, mid);
    client->has_control = true;
}

static bool is_response(const co_message* message) {
    return message->code >> 5 >= 2;
}

static bool is_ours(const co_client* client, const co_message* message) {
    return (client->state == CO_WAITING || client->state == CO_ACKNOWLEDGED) && message->token_size == 1 &&
           message->token[0] == client->token;
}

static bool finish(co_client* client, const co_message* message) {
    client->response = *message;
    end(client, CO_ANSWERED);
    return true;
}

static bool receive_ack(co_client* client, const co_message* message, uint32_t now) {
    if (client->state != CO_WAITING || !client->confirmable || message->mid != client->mid) return false;
    if (message->code == CO_EMPTY) {
        // Where success is not to be answered, the ACK alone says it (RFC 7967 section 2.1).
        if (!client->wants_success) return finish(client, message);
        client->state = CO_ACKNOWLEDGED;
        client->due = false;
        wait_until(client, now + client->options.separate_wait_ms);
        return false;
    }
    // One that cannot be understood is ignored (RFC 7252 section 4.2), and the request sent again.
    if (!is_response(message) || message->bad_option || !is_ours(client, message)) return false;
    return finish(client, message);
}

// A response that comes by itself.
static bool receive_separate(co_client* client, const co_message* message) {
    const bool confirmable = message->type == CO_CON;
    if (confirmable && client->has_heard && client->heard_mid == message->mid) {
        answer(client, CO_ACK, message->mid);
        return false;
    }
    if (message->bad_option || !is_ours(client, message)) {
        if (confirmable) answer(client, CO_RST, message->mid);
        return false;
    }
    if (confirmable) {
        answer(client, CO_ACK, message->mid);
        client->has_heard = true;
        client->heard_mid = message->mid;
    }
    return finish(client, message);
}

bool co_receive(co_client* client, const uint8_t* bytes, size_t size, uint32_t now) {
    co_message message;
    const co_fault fault = co_parse(&message, bytes, size);
    if (fault == CO_NO_MESSAGE) return false;
    if (message.type == CO_RST) {
        if (client->state != CO_WAITING || message.mid != client->mid) return false;
        end(client, CO_REFUSED);
        return true;
    }
    if (fault == CO_GOOD && message.type == CO_ACK) return receive_ack(client, &message, now);
    if (fault == CO_GOOD && is_response(&message)) return receive_separate(client, &message);
    // Malformed, a ping, or a request: a node serves nothing (RFC 7252 sections 4.2 and 4.3).
    if (message.type == CO_CON) answer(client, CO_RST, message.mid);
    return false;
}

void co_close(co_client* client) {
    end(client, CO_IDLE);
}

uint32_t co_retry_after_s(const co_message* response) {
    if (response->code != CO_TOO_MANY_REQUESTS && response->code != CO_SERVICE_UNAVAILABLE) return 0;
    if (!response->has_max_age) return CO_DEFAULT_MAX_AGE_S;
    return response->max_age_s > 0 ? response->max_age_s : 1;
}
