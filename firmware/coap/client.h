// SPDX-License-Identifier: Apache-2.0
//
// The node's side of CoAP (RFC 7252): one request at a time, confirmable and retransmitted until it is
// answered, or not. Bytes and time in, bytes and next deadline out.
//
//     co_begin(&client, &request)
//     loop: co_step(&client, now) -> delay; co_take(&client, now, &size) -> send it; co_receive(&client, ...)
//     until co_is_over(client.state); look at client.state and client.response; co_close(&client)
#ifndef NARROWGATE_FIRMWARE_COAP_CLIENT_H
#define NARROWGATE_FIRMWARE_COAP_CLIENT_H

#include "coap/message.h"

#ifdef __cplusplus
extern "C" {
#endif

// The longest request: what one record carries in a datagram of 512 bytes with an 8-byte connection ID.
#define CO_REQUEST_BYTES_MAX 474u

typedef struct co_options {
    // ACK_TIMEOUT (RFC 7252 section 4.8), as the gateway's fleet has it: there it decides how long a message
    // ID is remembered. 10 s: a modem that was asleep takes seconds to have a connection. ACK_RANDOM_FACTOR
    // is 1.5.
    uint32_t ack_timeout_ms;
    uint8_t max_retransmit;  // MAX_RETRANSMIT, 4; at most 8
    // How long an answer that comes by itself is waited for: behind an empty ACK, or to a NON. 90 s.
    uint32_t separate_wait_ms;
    // For timeouts, and for the first message ID.
    uint32_t (*random)(void* context);
    void* context;
} co_options;

typedef enum co_state {
    CO_IDLE,
    CO_WAITING,       // for the ACK of a CON, or for the answer to a NON
    CO_ACKNOWLEDGED,  // by an empty ACK: the answer comes by itself (RFC 7252 section 5.2.2)
    CO_ANSWERED,      // `response` holds; its code is CO_EMPTY where none was wanted and all is well
    CO_GAVE_UP,       // no answer
    CO_REFUSED,       // RST: the peer knows nothing of us
} co_state;

// Members are co_'s own but for those that co_state names.
typedef struct co_client {
    co_options options;
    co_state state;
    co_message response;  // points into the bytes of the last co_receive()
    uint16_t next_mid;

    uint8_t request[CO_REQUEST_BYTES_MAX];
    size_t request_size;
    bool confirmable;
    bool wants_success;  // No-Response does not exclude 2.xx
    bool wants_answer;   // No-Response does not exclude all classes
    uint16_t mid;
    uint8_t token;
    bool due;     // the request is to be sent (again)
    bool timing;  // `deadline` holds
    uint8_t retransmissions;
    uint32_t timeout_ms;
    uint32_t deadline;

    bool has_control;  // an ACK or RST to be sent
    uint8_t control[CO_EMPTY_BYTES];
    bool has_heard;  // the message ID of the last answer that came in a CON: it may come again
    uint16_t heard_mid;
} co_client;

// `next_mid` goes on where a former client of the same session ended, or is drawn. A gateway takes a message
// ID that it has seen lately for a duplicate: so it is kept wherever the session is kept (client.next_mid).
void co_init(co_client* client, const co_options* options, const uint16_t* next_mid);

// Makes `request` the outstanding one; nothing of it need live on. False: it does not fit, or the client is
// not idle.
bool co_begin(co_client* client, const co_request* request);

// Lets time pass. Returns milliseconds until the next call; 0: there is something to take, or the exchange is
// over.
uint32_t co_step(co_client* client, uint32_t now);

// The next message to send; null: none. Retransmission is timed from here. Valid until the next call.
const uint8_t* co_take(co_client* client, uint32_t now, size_t* size);

// Takes one message from the gateway. True: the exchange is over.
bool co_receive(co_client* client, const uint8_t* bytes, size_t size, uint32_t now);

static inline bool co_is_over(co_state state) {
    return state >= CO_ANSWERED;
}

// Back to idle, in every state.
void co_close(co_client* client);

// When to try again, in seconds, after 4.29 or 5.03 (RFC 8516 section 3, RFC 7252 section 5.9.3.4); 0: the
// response says nothing of the kind.
uint32_t co_retry_after_s(const co_message* response);

#ifdef __cplusplus
}
#endif

#endif
