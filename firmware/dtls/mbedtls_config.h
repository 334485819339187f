// SPDX-License-Identifier: Apache-2.0
//
// All of mbedTLS 3.6 that the node uses, each with its reason; docs/firmware.md has what each costs. What is
// not here is not compiled in: no certificates, no public keys, no server, no debug texts, no clock, no
// files, no heap but ours.
#ifndef NARROWGATE_FIRMWARE_DTLS_MBEDTLS_CONFIG_H
#define NARROWGATE_FIRMWARE_DTLS_MBEDTLS_CONFIG_H

#include <stddef.h>

// Memory comes from the client's own pool (dtls/pool.h): one block of static RAM, its high-water mark known.
void* dt_pool_calloc(size_t count, size_t size);
void dt_pool_free(void* block);
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO dt_pool_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO dt_pool_free

// The one suite, TLS_PSK_WITH_AES_128_CCM_8 (RFC 6655, mandatory in RFC 7925 section 4.1): 8 bytes of tag.
#define MBEDTLS_SSL_CIPHERSUITES MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8
#define MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#define MBEDTLS_AES_C
#define MBEDTLS_CCM_C
#define MBEDTLS_CIPHER_C                     // how the record layer reaches CCM
#define MBEDTLS_AES_ONLY_128_BIT_KEY_LENGTH  // no key schedule for longer keys
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT      // CCM encrypts in both directions: no inverse tables
#define MBEDTLS_AES_ROM_TABLES               // tables in flash: RAM is scarcer
#define MBEDTLS_AES_FEWER_TABLES             // one instead of four: 3 KB of flash, a few rotations a block

// The PRF and the hash of the handshake.
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER  // 1.4 KB of flash; used in handshakes alone

// DTLS 1.2 as a client.
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_DTLS
#define MBEDTLS_SSL_DTLS_ANTI_REPLAY        // a recorded command must not be played again
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET  // RFC 7627: binds keys to the handshake, 4 bytes in a hello
#define MBEDTLS_SSL_DTLS_CONNECTION_ID      // RFC 9146: found again behind a new address
#define MBEDTLS_SSL_CID_IN_LEN_MAX 8        // ours is empty; the library wants room for one
#define MBEDTLS_SSL_CID_OUT_LEN_MAX 16      // gateways hand out 4 to 8 bytes
#define MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY 1  // the default pads each record to 16 bytes: air time
#define MBEDTLS_SSL_CONTEXT_SERIALIZATION             // the session outlives sleep without a handshake

// Sizes: what a SARA-N2 takes in one datagram is 512 bytes with all headers; the buffers hold one record of
// it.
#define MBEDTLS_SSL_IN_CONTENT_LEN 512
#define MBEDTLS_SSL_OUT_CONTENT_LEN 512
#define MBEDTLS_SSL_DTLS_MAX_BUFFERING \
    1024                        // messages that came too early; a flight of the gateway is 150 bytes
#define MBEDTLS_PSK_MAX_LEN 64  // as the gateway's devices may have (RFC 4279 section 5.3)

// The ARM core's own instructions for the little arithmetic there is.
#define MBEDTLS_HAVE_ASM

#endif
