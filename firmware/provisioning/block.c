// SPDX-License-Identifier: Apache-2.0
#include "provisioning/block.h"

#include <string.h>

#include "base/crc32.h"

#define HEAD_BYTES 8u
#define CRC_BYTES 4u

// An hour; a shorter interval than this costs more than any battery gives.
#define INTERVAL_S_DEFAULT 3600u
#define INTERVAL_S_MIN 1u
#define INTERVAL_S_MAX 604800u
#define ACTIVE_S_DEFAULT 6u
#define ACK_TIMEOUT_MS_DEFAULT 10000u
#define ACK_TIMEOUT_MS_MIN 1000u
#define ACK_TIMEOUT_MS_MAX 120000u
#define PORT_DEFAULT 5684u  // RFC 7252 section 12.7

static uint32_t integer_of(const uint8_t* bytes, size_t size) {
    uint32_t value = 0;
    for (size_t i = size; i > 0; --i)
        value = value << 8 | bytes[i - 1];
    return value;
}

static bool is_all(const uint8_t* bytes, size_t size, uint8_t value) {
    for (size_t i = 0; i < size; ++i)
        if (bytes[i] != value) return false;
    return true;
}

// Printable ASCII, nothing that could end a modem's string.
static bool take_text(char* out, size_t capacity, const uint8_t* value, size_t size) {
    if (size >= capacity) return false;
    for (size_t i = 0; i < size; ++i) {
        if (value[i] < ' ' || value[i] > '~' || value[i] == '"' || value[i] == ',' || value[i] == '\\')
            return false;
        out[i] = (char)value[i];
    }
    out[size] = '\0';
    return true;
}

static bool take_bytes(uint8_t* out, size_t* out_size, size_t least, size_t most, const uint8_t* value,
                       size_t size) {
    if (size < least || size > most) return false;
    memcpy(out, value, size);
    *out_size = size;
    return true;
}

static bool take_integer(uint32_t* out, uint32_t least, uint32_t most, const uint8_t* value, size_t size) {
    if (size == 0 || size > 4) return false;
    *out = integer_of(value, size);
    return *out >= least && *out <= most;
}

// Four numbers of 0 to 255 with dots between: the modem resolves no names.
static bool is_ipv4(const char* text) {
    for (int part = 0; part < 4; ++part) {
        unsigned value = 0;
        int digits = 0;
        for (; *text >= '0' && *text <= '9' && digits < 4; ++text, ++digits)
            value = value * 10 + (unsigned)(*text - '0');
        if (digits == 0 || digits > 3 || value > 255) return false;
        if (part < 3 && *text++ != '.') return false;
    }
    return *text == '\0';
}

static bool is_made_of(const char* text, const char* characters) {
    return strspn(text, characters) == strlen(text);
}

static bool is_path(const char* text) {
    return text[0] != '\0' && text[0] != '/';
}

static bool take_field(provisioning* out, unsigned field, const uint8_t* value, size_t size) {
    uint32_t number = 0;
    switch (field) {
        case PV_IDENTITY:
            return take_bytes(out->identity, &out->identity_size, 1, PV_IDENTITY_BYTES_MAX, value, size);
        case PV_PSK:
            return take_bytes(out->psk, &out->psk_size, PV_PSK_BYTES_MIN, PV_PSK_BYTES_MAX, value, size);
        case PV_GATEWAY:
            return take_text(out->gateway, sizeof out->gateway, value, size) && is_ipv4(out->gateway);
        case PV_GATEWAY_PORT:
            if (!take_integer(&number, 1, UINT16_MAX, value, size)) return false;
            out->gateway_port = (uint16_t)number;
            return true;
        case PV_RESOURCE:
            return take_text(out->resource, sizeof out->resource, value, size) && is_path(out->resource);
        case PV_APN:
            return take_text(out->apn, sizeof out->apn, value, size);
        case PV_PLMN:
            return take_text(out->plmn, sizeof out->plmn, value, size) &&
                   (size == 0 || size == 5 || size == 6) && is_made_of(out->plmn, "0123456789");
        case PV_INTERVAL:
            return take_integer(&out->interval_s, INTERVAL_S_MIN, INTERVAL_S_MAX, value, size);
        case PV_ACTIVE:
            return take_integer(&out->active_s, 0, UINT32_MAX, value, size);
        case PV_PERIODIC:
            return take_integer(&out->periodic_s, 0, UINT32_MAX, value, size);
        case PV_EDRX:
            return take_text(out->edrx, sizeof out->edrx, value, size) && (size == 0 || size == 4) &&
                   is_made_of(out->edrx, "01");
        case PV_ACK_TIMEOUT:
            return take_integer(&out->ack_timeout_ms, ACK_TIMEOUT_MS_MIN, ACK_TIMEOUT_MS_MAX, value, size);
        default:
            return false;
    }
}

static pv_fault take_fields(provisioning* out, const uint8_t* next, size_t left, unsigned* field) {
    uint32_t seen = 0;
    while (left > 0) {
        if (left < 2 || next[1] > left - 2) return PV_CUT;
        *field = next[0];
        const size_t size = next[1];
        if (*field == PV_NO_FIELD || *field > PV_ACK_TIMEOUT) return PV_UNKNOWN_FIELD;
        if ((seen >> *field & 1u) != 0 || !take_field(out, *field, next + 2, size)) return PV_BAD_FIELD;
        seen |= UINT32_C(1) << *field;
        next += 2 + size;
        left -= 2 + size;
    }
    static const unsigned kNeeded[] = {PV_IDENTITY, PV_PSK, PV_GATEWAY};
    for (size_t i = 0; i < sizeof kNeeded / sizeof kNeeded[0]; ++i) {
        *field = kNeeded[i];
        if ((seen >> *field & 1u) == 0) return PV_MISSING_FIELD;
    }
    *field = PV_NO_FIELD;
    return PV_GOOD;
}

pv_fault pv_parse(provisioning* out, const uint8_t* bytes, size_t size, unsigned* field) {
    *field = PV_NO_FIELD;
    *out = (provisioning){.gateway_port = PORT_DEFAULT,
                          .resource = "t",
                          .interval_s = INTERVAL_S_DEFAULT,
                          .active_s = ACTIVE_S_DEFAULT,
                          .ack_timeout_ms = ACK_TIMEOUT_MS_DEFAULT};
    if (size < HEAD_BYTES + CRC_BYTES) return PV_CUT;
    // Real flash is erased to ones; what an emulator has instead reads as zeros.
    if (is_all(bytes, HEAD_BYTES, 0xff) || is_all(bytes, HEAD_BYTES, 0)) return PV_ERASED;
    if (memcmp(bytes, "NGP1", 4) != 0 || integer_of(bytes + 6, 2) != 0) return PV_NO_MARK;
    const size_t fields = integer_of(bytes + 4, 2);
    if (fields > size - HEAD_BYTES - CRC_BYTES) return PV_CUT;
    if (bs_crc32(0, bytes, HEAD_BYTES + fields) != integer_of(bytes + HEAD_BYTES + fields, CRC_BYTES))
        return PV_BAD_CRC;
    return take_fields(out, bytes + HEAD_BYTES, fields, field);
}

const char* pv_fault_text(pv_fault fault) {
    static const char* const kTexts[] = {
        "good",
        "nothing is provisioned: flash a block made by firmware/tools/provision",
        "what is there is no provisioning block of this form",
        "the block is cut off",
        "the checksum is wrong: flash it again",
        "a field has a wrong value: ",
        "a field is not known to this image: ",
        "a field is missing: ",
    };
    return kTexts[fault];
}

const char* pv_field_text(unsigned field) {
    static const char* const kTexts[] = {
        "",
        "identity",
        "psk",
        "gateway, an IPv4 address",
        "gateway-port",
        "resource",
        "apn",
        "plmn",
        "interval",
        "active",
        "periodic",
        "edrx",
        "ack-timeout",
    };
    return field < sizeof kTexts / sizeof kTexts[0] ? kTexts[field] : "one of a newer tool";
}
