// SPDX-License-Identifier: Apache-2.0
//
// mbedTLS 3.6 for a client with certificates and nothing else: TLS 1.2, one suite of elliptic curves, a chain
// that is verified, a key of its own. Where the node's configuration (firmware/dtls/mbedtls_config.h) chose
// size, this one does too.
#ifndef NARROWGATE_BENCH_CERTIFICATE_CLIENT_MBEDTLS_CONFIG_H
#define NARROWGATE_BENCH_CERTIFICATE_CLIENT_MBEDTLS_CONFIG_H

#include <stddef.h>

// The node's pool, only larger: both count alike.
void* dt_pool_calloc(size_t count, size_t size);
void dt_pool_free(void* block);
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO dt_pool_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO dt_pool_free

// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, which AWS IoT Core has.
#define MBEDTLS_SSL_CIPHERSUITES MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_AES_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_AES_ONLY_128_BIT_KEY_LENGTH
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES

#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER

// One curve, with the smallest tables.
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_WINDOW_SIZE 2
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#define MBEDTLS_MPI_WINDOW_SIZE 1
#define MBEDTLS_MPI_MAX_SIZE 48
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C

// Certificates in DER; the server's own is not kept after it was verified.
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C

#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_SERVER_NAME_INDICATION  // AWS IoT Core tells accounts apart by it

// CERTIFICATE_CLIENT_IN_BYTES: records of 16 KB are what a server may send that grants no smaller ones, as
// AWS IoT Core does not.
#define MBEDTLS_SSL_IN_CONTENT_LEN CERTIFICATE_CLIENT_IN_BYTES
#define MBEDTLS_SSL_OUT_CONTENT_LEN 4096

#define MBEDTLS_HAVE_ASM

#endif
