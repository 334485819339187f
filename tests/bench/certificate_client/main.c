// SPDX-License-Identifier: Apache-2.0
//
// A client that goes to a broker with a certificate, once: TLS 1.2 and MQTT 3.1.1 over USART6, which the
// emulator connects to the broker's port. Then it says on the console what that has cost:
//
//     done: heap-peak 31000 heap-kept 25000 stack 2000 handshake-up 1000 ...
//
// Where a node has its provisioning it has the authority's certificate, its own, and its key: a u16 of size
// and DER each.
#include <mbedtls/ssl.h>
#include <string.h>

#include "base/text.h"
#include "boards/qemu_netduino2/semihosting.h"
#include "boards/stm32f207/registers.h"
#include "boards/stm32f207/startup.h"
#include "boards/stm32f207/systick.h"
#include "boards/stm32f207/usart.h"
#include "dtls/pool.h"

// What QEMU's core runs at; the bauds are not looked at.
#define CORE_HZ 120000000u

static struct {
    dt_pool pool;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt authority, own;
    mbedtls_pk_context key;
    st_usart console, line;
    uint32_t up, down;  // bytes on the line
} all;

void st_on_tick(void) {}
void st_on_usart3(void) {}
void st_on_usart6(void) {}

static void say(const char* text) {
    st_usart_write_all(&all.console, (const uint8_t*)text, strlen(text));
}

void st_on_fault(const cr_fault* fault) {
    (void)fault;
    say("failed: a fault\n");
}

static void wait(void) {
    for (;;)
        __asm volatile("wfi");
}

static void must(const char* step, int code) {
    if (code >= 0) return;
    char line[80];
    bs_text text = bs_text_in(line, sizeof line);
    bs_put(&text, "failed: ");
    bs_put(&text, step);
    bs_put(&text, " ");
    bs_put_signed(&text, code);
    bs_put(&text, "\n");
    say(line);
    wait();
}

static int draw(void* context, unsigned char* bytes, size_t size) {
    (void)context;
    return sh_entropy(bytes, size) ? 0 : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int send_out(void* context, const unsigned char* bytes, size_t size) {
    (void)context;
    st_usart_write_all(&all.line, bytes, size);
    all.up += size;
    return (int)size;
}

// Without interrupts: the emulator holds each byte back until the one before was taken.
static int receive_in(void* context, unsigned char* bytes, size_t capacity) {
    (void)context;
    size_t size = 0;
    while (size < capacity && (st_read(all.line.base + USART_SR) & USART_SR_RXNE) != 0)
        bytes[size++] = (uint8_t)st_read(all.line.base + USART_DR);
    all.down += size;
    if (size > 0) return (int)size;
    __asm volatile("wfi");  // a millisecond
    return MBEDTLS_ERR_SSL_WANT_READ;
}

// The next part of the page.
static const uint8_t* take(const uint8_t** at, size_t* size) {
    const uint8_t* content = *at + 2;
    *size = (size_t)(*at)[0] | (size_t)(*at)[1] << 8;
    *at = content + *size;
    return content;
}

static void read_page(void) {
    const uint8_t* at = (const uint8_t*)(uintptr_t)ST_PROVISIONING_PAGE;
    size_t size = 0;
    const uint8_t* der = take(&at, &size);
    must("authority", mbedtls_x509_crt_parse_der_nocopy(&all.authority, der, size));
    der = take(&at, &size);
    must("certificate", mbedtls_x509_crt_parse_der_nocopy(&all.own, der, size));
    der = take(&at, &size);
    must("key", mbedtls_pk_parse_key(&all.key, der, size, NULL, 0, draw, NULL));
}

static void set_up(void) {
    mbedtls_ssl_init(&all.ssl);
    mbedtls_ssl_config_init(&all.config);
    mbedtls_x509_crt_init(&all.authority);
    mbedtls_x509_crt_init(&all.own);
    mbedtls_pk_init(&all.key);
    read_page();
    must("defaults", mbedtls_ssl_config_defaults(&all.config, MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&all.config, draw, NULL);
    mbedtls_ssl_conf_authmode(&all.config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&all.config, &all.authority, NULL);
    must("own certificate", mbedtls_ssl_conf_own_cert(&all.config, &all.own, &all.key));
    must("setup", mbedtls_ssl_setup(&all.ssl, &all.config));
    must("host name", mbedtls_ssl_set_hostname(&all.ssl, "localhost"));
    mbedtls_ssl_set_bio(&all.ssl, NULL, send_out, receive_in, NULL);
}

static void shake_hands(void) {
    int code = 0;
    while ((code = mbedtls_ssl_handshake(&all.ssl)) == MBEDTLS_ERR_SSL_WANT_READ) {
    }
    must("handshake", code);
}

// One packet, and its answer of four bytes, which begins with `type`.
static void ask(const char* what, const uint8_t* packet, size_t size, uint8_t type) {
    must(what, mbedtls_ssl_write(&all.ssl, packet, size));
    uint8_t answer[4];
    size_t have = 0;
    while (have < sizeof answer) {
        const int got = mbedtls_ssl_read(&all.ssl, answer + have, sizeof answer - have);
        if (got == MBEDTLS_ERR_SSL_WANT_READ) continue;
        must(what, got == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : got);
        have += (size_t)got;
    }
    must(what, answer[0] == type ? 0 : -(int)answer[0]);
}

static void put_figure(bs_text* text, const char* name, uint32_t value) {
    bs_put(text, " ");
    bs_put(text, name);
    bs_put(text, " ");
    bs_put_unsigned(text, value);
}

int main(void) {
    st_usart_start(&all.console, USART3_BASE, CORE_HZ / 4, 115200);
    st_usart_start(&all.line, USART6_BASE, CORE_HZ / 2, 115200);
    st_systick_start(CORE_HZ);
    dt_pool_init(&all.pool);
    dt_pool_use(&all.pool);
    set_up();
    shake_hands();
    const uint32_t handshake_up = all.up, handshake_down = all.down;
    const uint32_t kept = (uint32_t)all.pool.used_bytes;

    // MQTT 3.1.1 sections 3.1 and 3.3: clean session, 60 s of keep-alive, client "node"; QoS 1, number 1, and
    // a payload of the 47 bytes that a reading of three values takes.
    static const uint8_t kConnect[] = {0x10, 16, 0,  4, 'M', 'Q', 'T', 'T', 4,
                                       2,    0,  60, 0, 4,   'n', 'o', 'd', 'e'};
    ask("CONNECT", kConnect, sizeof kConnect, 0x20);
    static const uint8_t kPublish[2 + 16 + 2 + 47] = {
        0x32, 16 + 2 + 47, 0, 14, 'd', 't', '/', 'n', 'o', 'd', 'e', '-', '0', '0', '0', '1', '/', 't', 0, 1};
    const uint32_t before_up = all.up, before_down = all.down;
    ask("PUBLISH", kPublish, sizeof kPublish, 0x40);

    static char line[256];
    bs_text text = bs_text_in(line, sizeof line);
    bs_put(&text, "done:");
    put_figure(&text, "heap-peak", (uint32_t)all.pool.peak_bytes);
    put_figure(&text, "heap-kept", kept);
    put_figure(&text, "stack", st_stack_used());
    put_figure(&text, "handshake-up", handshake_up);
    put_figure(&text, "handshake-down", handshake_down);
    put_figure(&text, "reading-up", all.up - before_up);
    put_figure(&text, "reading-down", all.down - before_down);
    bs_put(&text, "\n");
    say(line);
    wait();
    return 0;
}
