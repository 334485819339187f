// SPDX-License-Identifier: Apache-2.0
//
// DTLS 1.2 to one gateway: a pre-shared key, AES-128-CCM-8, a connection ID of the gateway's (RFC 9146) and
// none of ours. Datagrams and time in; datagrams, application data and next deadline out. mbedTLS does the
// work and is not seen here.
//
//     dt_init() once; dt_start() or dt_restore() (stored.h)
//     loop: dt_step(); dt_take() -> send -> dt_sent(); a datagram came: dt_receive(), then dt_read() until it
//     gives 0
//
// All memory is in the client: DT_POOL_BYTES for mbedTLS, one datagram that waits to be sent.
#ifndef NARROWGATE_FIRMWARE_DTLS_CLIENT_H
#define NARROWGATE_FIRMWARE_DTLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dtls/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

// The largest datagram sent: what a SARA-N2 takes. What is received may be as large.
#define DT_DATAGRAM_BYTES 512u

// The largest application message that fits it with the longest connection ID that a gateway of ours hands
// out: 13 of header, 8 of CID, 8 of explicit nonce, 1 of inner type, 8 of tag.
#define DT_APPLICATION_BYTES (DT_DATAGRAM_BYTES - 13u - 8u - 8u - 1u - 8u)

// A ClientHello with a cookie of up to 32 bytes. One that had to be fragmented could never be answered (RFC
// 6347 section 4.2.1): anything longer is a defect, and is not sent.
#define DT_CLIENT_HELLO_BYTES_MAX 128u

// RFC 7925 section 11: for links of this kind. 9, 18, 36, 60 s, then the handshake has failed.
#define DT_HANDSHAKE_TIMEOUT_MIN_MS 9000u
#define DT_HANDSHAKE_TIMEOUT_MAX_MS 60000u

#define DT_IDENTITY_BYTES_MAX 128u  // RFC 4279 section 5.3
#define DT_PSK_BYTES_MAX 64u

// What points somewhere must stay there as long as the client.
typedef struct dt_options {
    const uint8_t* identity;
    size_t identity_size;
    const uint8_t* psk;
    size_t psk_size;
    uint32_t handshake_timeout_min_ms;
    uint32_t handshake_timeout_max_ms;
    // As port_table.entropy. False ends a handshake before anything is sent.
    bool (*entropy)(void* context, uint8_t* bytes, size_t size);
    void* context;
} dt_options;

typedef enum dt_state {
    DT_CLOSED,
    DT_HANDSHAKE,
    DT_ESTABLISHED,
    DT_FAILED,  // `reason` says why; dt_start() begins anew
} dt_state;

typedef enum dt_reason {
    DT_NO_REASON,
    DT_NO_ANSWER,       // the gateway is silent: unreachable, or it knows neither us nor our key
    DT_NO_ENTROPY,      // the random number generator failed
    DT_NO_MEMORY,       // the pool is too small: a defect
    DT_REFUSED,         // a fatal alert: a wrong key, for one
    DT_CLOSED_BY_PEER,  // close_notify
    DT_HELLO_TOO_LONG,  // above DT_CLIENT_HELLO_BYTES_MAX: a defect
    DT_BROKEN,          // anything else; `code` is mbedTLS's
} dt_reason;

#if UINTPTR_MAX > UINT32_MAX
#define DT_TLS_WORDS 128u
#else
#define DT_TLS_WORDS 48u
#endif

// Members are dt_'s own but for state, reason, code and pool's figures.
typedef struct dt_client {
    dt_options options;
    dt_state state;
    dt_reason reason;
    int code;
    dt_pool pool;
    uint64_t tls[DT_TLS_WORDS];  // mbedTLS's context and configuration
    bool set_up;

    uint32_t now;
    bool timing;
    uint32_t timer_start, timer_intermediate_ms, timer_final_ms;

    const uint8_t* in;  // a datagram that was not read yet, the caller's
    size_t in_size;
    uint8_t out[DT_DATAGRAM_BYTES];
    size_t out_size;  // 0: nothing waits to be sent
} dt_client;

void dt_init(dt_client* client, const dt_options* options);

// Begins a new handshake, whatever was before.
void dt_start(dt_client* client, uint32_t now);
// Forgets the session and wipes its keys.
void dt_close(dt_client* client);

// Lets time pass, and a handshake go on. Returns milliseconds until the next call.
uint32_t dt_step(dt_client* client, uint32_t now);

// The datagram that waits to be sent, null when there is none. It stays until dt_sent(): a modem may refuse
// it, and then it is sent again as it is.
const uint8_t* dt_take(const dt_client* client, size_t* size);
void dt_sent(dt_client* client, uint32_t now);

// Gives one datagram, of any content, to a handshake or to dt_read(); `bytes` must stay until dt_read() gave
// 0.
void dt_receive(dt_client* client, const uint8_t* bytes, size_t size, uint32_t now);
// The next application message of it, at most `capacity` bytes (DT_DATAGRAM_BYTES hold any); 0: none.
size_t dt_read(dt_client* client, uint8_t* bytes, size_t capacity, uint32_t now);

// Seals one message of at most DT_APPLICATION_BYTES, to be fetched by dt_take(). False: no session, or a
// datagram still waits to be sent.
bool dt_write(dt_client* client, const uint8_t* bytes, size_t size, uint32_t now);

// Whether the gateway gave us a connection ID: without one a new address means a new handshake.
bool dt_has_connection_id(dt_client* client);

// For stored.h. The session as bytes: the client is closed by it. 0: not now, nothing has changed.
size_t dt_save(dt_client* client, uint8_t* bytes, size_t capacity);
bool dt_load(dt_client* client, const uint8_t* bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
