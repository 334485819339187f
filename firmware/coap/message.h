// SPDX-License-Identifier: Apache-2.0
//
// One CoAP message (RFC 7252 section 3): reading what a gateway sends, writing what a node sends. Nothing is
// copied when reading; a parsed message points into its bytes.
#ifndef NARROWGATE_FIRMWARE_COAP_MESSAGE_H
#define NARROWGATE_FIRMWARE_COAP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// RFC 7252 section 3.
typedef enum co_type { CO_CON = 0, CO_NON = 1, CO_ACK = 2, CO_RST = 3 } co_type;

// Class in the upper three bits, detail in the lower five (RFC 7252 section 12.1).
#define CO_CODE(class_, detail) ((uint8_t)(((class_) << 5) | (detail)))
#define CO_EMPTY CO_CODE(0, 0)
#define CO_GET CO_CODE(0, 1)
#define CO_POST CO_CODE(0, 2)
#define CO_CHANGED CO_CODE(2, 4)
#define CO_CONTENT CO_CODE(2, 5)
#define CO_FORBIDDEN CO_CODE(4, 3)
#define CO_TOO_MANY_REQUESTS CO_CODE(4, 29)  // RFC 8516
#define CO_SERVICE_UNAVAILABLE CO_CODE(5, 3)

// The sender's clock: milliseconds since 1970. A gateway that finds it wrong answers with its own. Of the
// range for experiments (RFC 7252 section 12.2), elective; gateways built with Eclipse Californium know it
// too.
#define CO_OPTION_TIME 65000u

#define CO_NO_FORMAT (-1)         // no Content-Format, no Accept
#define CO_TOKEN_BYTES_MAX 8      // RFC 7252 section 3
#define CO_DEFAULT_MAX_AGE_S 60u  // RFC 7252 section 5.10.5
#define CO_ETAG_BYTES_MAX 8       // RFC 7252 section 5.10.6

typedef struct co_message {
    co_type type;
    uint8_t code;
    uint16_t mid;
    const uint8_t* token;
    size_t token_size;
    int32_t content_format;  // CO_NO_FORMAT: none
    bool has_max_age;
    uint32_t max_age_s;
    bool has_block2;
    uint32_t block2;  // as the option holds it (RFC 7959 section 2.2)
    const uint8_t* etag;
    size_t etag_size;  // 0: none
    bool has_time;
    uint64_t time_ms;  // of the gateway's clock, since 1970 (CO_OPTION_TIME)
    bool bad_option;   // critical and not understood, or of a wrong length: the message must be rejected
    const uint8_t* payload;
    size_t payload_size;
} co_message;

typedef enum co_fault {
    CO_GOOD,
    CO_NO_MESSAGE,  // no header, or a version that is not 1: to be ignored
    CO_MALFORMED,   // type and mid are set: a CON is to be answered by RST (RFC 7252 section 4.2)
} co_fault;

// Reads one message that fills `bytes`, of any content.
co_fault co_parse(co_message* message, const uint8_t* bytes, size_t size);

// What a node asks.
typedef struct co_request {
    uint8_t method;
    bool confirmable;
    const char* path;        // segments by '/', "" for none
    int32_t content_format;  // of the payload; CO_NO_FORMAT: none
    int32_t accept;          // CO_NO_FORMAT: any
    uint8_t no_response;     // RFC 7967 section 2.1: classes not wanted; 0: no such option
    const uint8_t* payload;
    size_t payload_size;
    const uint32_t* block2;   // the option's value (RFC 7959 section 2.2); null: none
    const uint64_t* time_ms;  // our clock, since 1970; 0: we have none; null: no such option
} co_request;

// RFC 7967 section 2.1.
#define CO_NO_SUCCESS 2u
#define CO_NO_ANSWER_AT_ALL 26u

// Writes `request` with a token of one byte; returns its size, 0 when it does not fit.
size_t co_write_request(uint8_t* out, size_t capacity, const co_request* request, uint16_t mid,
                        uint8_t token);

#define CO_EMPTY_BYTES 4u

// An empty ACK or RST (RFC 7252 section 4.1).
void co_write_empty(uint8_t out[CO_EMPTY_BYTES], co_type type, uint16_t mid);

#ifdef __cplusplus
}
#endif

#endif
