// SPDX-License-Identifier: Apache-2.0
//
// Who a node is and where its gateway: a block in a flash page of its own, written by
// firmware/tools/provision, never part of the image. All integers are little-endian:
//
//     0  "NGP1"
//     4  u16 size of the fields in bytes
//     6  u16 0
//     8  fields, each u8 number, u8 length, value; texts without an end; integers of 1, 2 or 4 bytes
//     .. u32 CRC-32 of all before
#ifndef NARROWGATE_FIRMWARE_PROVISIONING_BLOCK_H
#define NARROWGATE_FIRMWARE_PROVISIONING_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PV_BLOCK_BYTES_MAX 1024u

#define PV_IDENTITY_BYTES_MAX 128u  // RFC 4279 section 5.3
#define PV_PSK_BYTES_MAX 64u
#define PV_PSK_BYTES_MIN 16u  // as the gateway asks for

// Numbers are forever: a field that is no longer used keeps its own.
typedef enum pv_field {
    PV_NO_FIELD = 0,
    PV_IDENTITY = 1,
    PV_PSK = 2,
    PV_GATEWAY = 3,       // an IPv4 address in digits
    PV_GATEWAY_PORT = 4,  // u16; 5684
    PV_RESOURCE = 5,      // the path of readings, "t"
    PV_APN = 6,           // "": the network's
    PV_PLMN = 7,          // "": any network
    PV_INTERVAL = 8,      // u32, seconds between two readings; 3600
    PV_ACTIVE = 9,        // u32, seconds awake after a connection; 6
    PV_PERIODIC = 10,     // u32, seconds between two periodic updates; 0: no power saving mode
    PV_EDRX = 11,         // four bits as text; "": off
    PV_ACK_TIMEOUT = 12,  // u32, milliseconds: the fleet's; 10000
} pv_field;

typedef struct provisioning {
    uint8_t identity[PV_IDENTITY_BYTES_MAX];
    size_t identity_size;
    uint8_t psk[PV_PSK_BYTES_MAX];
    size_t psk_size;
    char gateway[16];
    uint16_t gateway_port;
    char resource[32];
    char apn[64];
    char plmn[7];
    uint32_t interval_s;
    uint32_t active_s;
    uint32_t periodic_s;
    char edrx[5];
    uint32_t ack_timeout_ms;
} provisioning;

typedef enum pv_fault {
    PV_GOOD,
    PV_ERASED,   // nothing was ever written
    PV_NO_MARK,  // something else is there, or a form that this image does not know
    PV_CUT,      // the size is not possible
    PV_BAD_CRC,
    PV_BAD_FIELD,      // *field: too long, too short, out of range or there twice
    PV_UNKNOWN_FIELD,  // *field is its number: a newer tool's
    PV_MISSING_FIELD,  // *field
} pv_fault;

// Reads a block out of `bytes`, the page. `out` is good only with PV_GOOD.
pv_fault pv_parse(provisioning* out, const uint8_t* bytes, size_t size, unsigned* field);

// For a person: "the gateway's address".
const char* pv_fault_text(pv_fault fault);
const char* pv_field_text(unsigned field);

#ifdef __cplusplus
}
#endif

#endif
