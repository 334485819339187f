// SPDX-License-Identifier: Apache-2.0
#include "app/link.h"

static void start(void* self, int32_t kept) {
    sn_start((sara_n2*)self, kept);
}

static uint32_t step(void* self) {
    return sn_step((sara_n2*)self);
}

static bool is_ready(const void* self) {
    return sn_is_ready((const sara_n2*)self);
}

static bool is_quiet(const void* self) {
    return sn_is_quiet((const sara_n2*)self);
}

static bool send(void* self, const uint8_t* bytes, size_t size, sn_release release) {
    return sn_send((sara_n2*)self, bytes, size, release);
}

static sn_sending sending(const void* self) {
    return ((const sara_n2*)self)->sending;
}

static void sending_seen(void* self) {
    sn_sending_seen((sara_n2*)self);
}

static const uint8_t* received(const void* self, size_t* size) {
    return sn_received((const sara_n2*)self, size);
}

static void received_seen(void* self) {
    sn_received_seen((sara_n2*)self);
}

static void look(void* self) {
    sn_look((sara_n2*)self);
}

static int32_t kept(const void* self) {
    return sn_socket((const sara_n2*)self);
}

const nd_link nd_modem_link = {start,        step,     is_ready,      is_quiet, send, sending,
                               sending_seen, received, received_seen, look,     kept};
