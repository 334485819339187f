// SPDX-License-Identifier: Apache-2.0
#include "dtls/client.h"

#include <limits.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl.h>
#include <string.h>

#include "port/port.h"

// RFC 5246 sections 6.2.1 and 7.4, RFC 6347 section 4.1: where a datagram says that it begins with a
// ClientHello.
#define CONTENT_TYPE_AT 0u
#define EPOCH_AT 3u
#define HANDSHAKE_TYPE_AT 13u

typedef struct tls {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
} tls;
_Static_assert(sizeof(tls) <= DT_TLS_WORDS * sizeof(uint64_t), "DT_TLS_WORDS is too small");

static const int kSuites[] = {MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8, 0};

// Of no length, and yet somewhere: mbedTLS copies from it.
static const uint8_t kNoCid[1] = {0};

static tls* tls_of(dt_client* client) {
    return (tls*)(void*)client->tls;
}

static bool is_client_hello(const uint8_t* bytes, size_t size) {
    return size > HANDSHAKE_TYPE_AT && bytes[CONTENT_TYPE_AT] == MBEDTLS_SSL_MSG_HANDSHAKE &&
           bytes[EPOCH_AT] == 0 && bytes[EPOCH_AT + 1] == 0 &&
           bytes[HANDSHAKE_TYPE_AT] == MBEDTLS_SSL_HS_CLIENT_HELLO;
}

static int send_out(void* context, const unsigned char* bytes, size_t size) {
    dt_client* client = (dt_client*)context;
    if (client->out_size != 0) return MBEDTLS_ERR_SSL_WANT_WRITE;
    if (size > sizeof client->out || (is_client_hello(bytes, size) && size > DT_CLIENT_HELLO_BYTES_MAX)) {
        client->reason = DT_HELLO_TOO_LONG;
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    memcpy(client->out, bytes, size);
    client->out_size = size;
    return (int)size;
}

static int receive_in(void* context, unsigned char* bytes, size_t capacity) {
    dt_client* client = (dt_client*)context;
    if (client->in == NULL) return MBEDTLS_ERR_SSL_WANT_READ;
    // One that is larger than any of ours is cut, and does not authenticate.
    const size_t size = client->in_size < capacity ? client->in_size : capacity;
    memcpy(bytes, client->in, size);
    client->in = NULL;
    return (int)size;
}

static void set_timer(void* context, uint32_t intermediate_ms, uint32_t final_ms) {
    dt_client* client = (dt_client*)context;
    client->timing = final_ms != 0;
    client->timer_start = client->now;
    client->timer_intermediate_ms = intermediate_ms;
    client->timer_final_ms = final_ms;
}

static int get_timer(void* context) {
    const dt_client* client = (const dt_client*)context;
    if (!client->timing) return -1;
    if (client->out_size != 0) return 0;  // it begins when that has left: dt_sent()
    const uint32_t passed = client->now - client->timer_start;
    return passed >= client->timer_final_ms ? 2 : passed >= client->timer_intermediate_ms ? 1 : 0;
}

// What a client of this kind draws is the random of its hello: it comes from the hardware as it is.
static int draw(void* context, unsigned char* bytes, size_t size) {
    dt_client* client = (dt_client*)context;
    if (client->options.entropy(client->options.context, bytes, size)) return 0;
    client->reason = DT_NO_ENTROPY;
    return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

// Before each call into mbedTLS.
static void enter(dt_client* client, uint32_t now) {
    client->now = now;
    dt_pool_use(&client->pool);
}

void dt_init(dt_client* client, const dt_options* options) {
    memset(client, 0, sizeof *client);
    client->options = *options;
    dt_pool_init(&client->pool);
}

void dt_close(dt_client* client) {
    if (client->set_up) {
        enter(client, client->now);
        mbedtls_ssl_free(&tls_of(client)->ssl);
        mbedtls_ssl_config_free(&tls_of(client)->config);
        client->set_up = false;
    }
    mbedtls_platform_zeroize(client->out, sizeof client->out);
    client->out_size = 0;
    client->in = NULL;
    client->timing = false;
    client->state = DT_CLOSED;
}

static dt_reason reason_of(int code) {
    switch (code) {
        case MBEDTLS_ERR_SSL_TIMEOUT:
            return DT_NO_ANSWER;
        case MBEDTLS_ERR_SSL_ALLOC_FAILED:
            return DT_NO_MEMORY;
        case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
            return DT_REFUSED;
        case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
            return DT_CLOSED_BY_PEER;
        default:
            return DT_BROKEN;
    }
}

// A datagram that waits stays: mbedTLS may have put an alert there that says why.
static void fail(dt_client* client, int code) {
    client->state = DT_FAILED;
    client->code = code;
    if (client->reason == DT_NO_REASON) client->reason = reason_of(code);
    client->timing = false;
    client->in = NULL;
}

static bool is_wait(int code) {
    return code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE;
}

// A context without a session.
static int set_up(dt_client* client, uint32_t now) {
    dt_close(client);
    client->reason = DT_NO_REASON;
    client->code = 0;
    enter(client, now);
    tls* t = tls_of(client);
    mbedtls_ssl_init(&t->ssl);
    mbedtls_ssl_config_init(&t->config);
    client->set_up = true;
    int code = mbedtls_ssl_config_defaults(&t->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_DATAGRAM,
                                           MBEDTLS_SSL_PRESET_DEFAULT);
    if (code != 0) return code;
    mbedtls_ssl_conf_rng(&t->config, draw, client);
    mbedtls_ssl_conf_ciphersuites(&t->config, kSuites);
    mbedtls_ssl_conf_min_tls_version(&t->config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(&t->config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_handshake_timeout(&t->config, client->options.handshake_timeout_min_ms,
                                       client->options.handshake_timeout_max_ms);
    code = mbedtls_ssl_conf_psk(&t->config, client->options.psk, client->options.psk_size,
                                client->options.identity, client->options.identity_size);
    if (code != 0) return code;
    // An empty one of ours: the gateway need not say whom it means on a socket that is ours alone.
    code = mbedtls_ssl_conf_cid(&t->config, 0, MBEDTLS_SSL_UNEXPECTED_CID_IGNORE);
    if (code != 0) return code;
    code = mbedtls_ssl_setup(&t->ssl, &t->config);
    if (code != 0) return code;
    mbedtls_ssl_set_bio(&t->ssl, client, send_out, receive_in, NULL);
    mbedtls_ssl_set_timer_cb(&t->ssl, client, set_timer, get_timer);
    mbedtls_ssl_set_mtu(&t->ssl, DT_DATAGRAM_BYTES);
    return 0;
}

static void shake_hands(dt_client* client) {
    const int code = mbedtls_ssl_handshake(&tls_of(client)->ssl);
    if (code == 0) {
        client->state = DT_ESTABLISHED;
        client->timing = false;
    } else if (!is_wait(code)) {
        fail(client, code);
    }
}

void dt_start(dt_client* client, uint32_t now) {
    int code = set_up(client, now);
    if (code == 0) code = mbedtls_ssl_set_cid(&tls_of(client)->ssl, MBEDTLS_SSL_CID_ENABLED, kNoCid, 0);
    if (code != 0) {
        fail(client, code);
        return;
    }
    client->state = DT_HANDSHAKE;
    shake_hands(client);
}

uint32_t dt_step(dt_client* client, uint32_t now) {
    if (client->state != DT_HANDSHAKE) return PORT_NEVER;
    enter(client, now);
    shake_hands(client);
    if (client->state != DT_HANDSHAKE) return 0;
    if (client->out_size != 0 || !client->timing) return PORT_NEVER;
    return port_until(now, client->timer_start + client->timer_final_ms);
}

const uint8_t* dt_take(const dt_client* client, size_t* size) {
    *size = client->out_size;
    return client->out_size == 0 ? NULL : client->out;
}

void dt_sent(dt_client* client, uint32_t now) {
    client->out_size = 0;
    // The wait for an answer counts from when the datagram left, not from when a modem was asked to send it.
    if (client->timing) client->timer_start = now;
    dt_step(client, now);
}

void dt_receive(dt_client* client, const uint8_t* bytes, size_t size, uint32_t now) {
    if (size == 0 || (client->state != DT_HANDSHAKE && client->state != DT_ESTABLISHED)) return;
    client->in = bytes;
    client->in_size = size;
    if (client->state == DT_HANDSHAKE) dt_step(client, now);
}

size_t dt_read(dt_client* client, uint8_t* bytes, size_t capacity, uint32_t now) {
    if (client->state != DT_ESTABLISHED) return 0;
    enter(client, now);
    const int code = mbedtls_ssl_read(&tls_of(client)->ssl, bytes, capacity);
    if (code > 0) return (size_t)code;
    client->in = NULL;
    // Bad records are no matter (RFC 6347 section 4.1.2.7); an alert that is authentic is.
    if (code != 0 && !is_wait(code)) fail(client, code);
    return 0;
}

bool dt_write(dt_client* client, const uint8_t* bytes, size_t size, uint32_t now) {
    if (client->state != DT_ESTABLISHED || client->out_size != 0 || size == 0 || size > DT_APPLICATION_BYTES)
        return false;
    enter(client, now);
    const int code = mbedtls_ssl_write(&tls_of(client)->ssl, bytes, size);
    if (code == (int)size) return true;
    fail(client, code);
    return false;
}

bool dt_has_connection_id(dt_client* client) {
    if (client->state != DT_ESTABLISHED) return false;
    int enabled = MBEDTLS_SSL_CID_DISABLED;
    unsigned char cid[MBEDTLS_SSL_CID_OUT_LEN_MAX];
    size_t size = 0;
    enter(client, client->now);
    return mbedtls_ssl_get_peer_cid(&tls_of(client)->ssl, &enabled, cid, &size) == 0 &&
           enabled == MBEDTLS_SSL_CID_ENABLED && size > 0;
}

size_t dt_save(dt_client* client, uint8_t* bytes, size_t capacity) {
    if (client->state != DT_ESTABLISHED || client->out_size != 0) return 0;
    enter(client, client->now);
    size_t size = 0;
    if (mbedtls_ssl_context_save(&tls_of(client)->ssl, bytes, capacity, &size) != 0) return 0;
    dt_close(client);
    return size;
}

bool dt_load(dt_client* client, const uint8_t* bytes, size_t size) {
    int code = set_up(client, client->now);
    if (code == 0) code = mbedtls_ssl_context_load(&tls_of(client)->ssl, bytes, size);
    if (code != 0) {
        dt_close(client);
        client->code = code;
        return false;
    }
    client->state = DT_ESTABLISHED;
    return true;
}
