// SPDX-License-Identifier: Apache-2.0
#include "app/node.h"

#include <string.h>

#include "app/node_parts.h"
#include "base/crc32.h"
#include "base/text.h"

_Static_assert(sizeof(nd_retained) <= PORT_RETAINED_BYTES - PORT_CRASH_BYTES, "the retained block is full");

#define KEPT_MARK UINT32_C(0x4e474b31)  // "NGK1"

// Answers that come by themselves are waited for so long; MAX_RETRANSMIT as RFC 7252 section 4.8 has it.
#define SEPARATE_WAIT_MS 90000u
#define MAX_RETRANSMIT 4u

// With readings to send and nothing achieved for so long, the watchdog is no longer fed: whatever is stuck
// starts anew.
#define PROGRESS_S_MAX 86400u

void nd_log(const nd_node* node, port_level level, const char* text, const char* detail) {
    char line[128];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, text);
    bs_put(&out, detail);
    node->port->log(node->port->self, level, line);
}

void nd_log_count(const nd_node* node, const char* text, uint32_t count, const char* rest) {
    char line[64];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, text);
    bs_put_unsigned(&out, count);
    bs_put(&out, rest);
    node->port->log(node->port->self, PORT_LOG_INFO, line);
}

uint32_t nd_now(const nd_node* node) {
    return node->port->millis(node->port->self);
}

uint32_t nd_now_s(const nd_node* node) {
    uint32_t seconds = 0;
    // A board without a clock that a reset does not move counts from its start.
    return node->port->seconds(node->port->self, &seconds) ? seconds : nd_now(node) / 1000;
}

uint32_t nd_random(const nd_node* node) {
    uint8_t bytes[4] = {0};
    node->port->entropy(node->port->self, bytes, sizeof bytes);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t random_for_coap(void* context) {
    return nd_random((const nd_node*)context);
}

static bool entropy_for_dtls(void* context, uint8_t* bytes, size_t size) {
    const nd_node* node = (const nd_node*)context;
    return node->port->entropy(node->port->self, bytes, size);
}

// No hold is longer than that: one that is was kept by another clock.
#define HOLD_S_MAX 200000u

static uint32_t crc_of(const nd_kept* kept) {
    return bs_crc32(0, (const uint8_t*)kept + sizeof kept->crc, sizeof *kept - sizeof kept->crc);
}

static bool read_provisioning(nd_node* node) {
    uint8_t* page = node->plain;
    node->fault = PV_CUT;
    // All fields at their longest are 400 bytes.
    if (node->port->nv_read(node->port->self, 0, page, sizeof node->plain)) {
        node->fault = pv_parse(&node->provisioning, page, sizeof node->plain, &node->fault_field);
        node->provisioning_crc = bs_crc32(0, page, sizeof node->plain);
    }
    memset(page, 0, sizeof node->plain);
    if (node->fault == PV_GOOD) return true;
    nd_log(node, PORT_LOG_ERROR, pv_fault_text(node->fault), pv_field_text(node->fault_field));
    return false;
}

static void init_layers(nd_node* node, bool kept_is_good) {
    const provisioning* p = &node->provisioning;
    const nd_kept* kept = &node->retained->kept;
    const sn_options modem = {.gateway = p->gateway,
                              .gateway_port = p->gateway_port,
                              .apn = p->apn,
                              .plmn = p->plmn,
                              .active_s = p->active_s,
                              .periodic_s = p->periodic_s,
                              .edrx = p->edrx};
    sn_init(&node->modem, &modem, node->port);
    const dt_options dtls = {.identity = p->identity,
                             .identity_size = p->identity_size,
                             .psk = p->psk,
                             .psk_size = p->psk_size,
                             .handshake_timeout_min_ms = DT_HANDSHAKE_TIMEOUT_MIN_MS,
                             .handshake_timeout_max_ms = DT_HANDSHAKE_TIMEOUT_MAX_MS,
                             .entropy = entropy_for_dtls,
                             .context = node};
    dt_init(&node->dtls, &dtls);
    const co_options coap = {.ack_timeout_ms = p->ack_timeout_ms,
                             .max_retransmit = MAX_RETRANSMIT,
                             .separate_wait_ms = SEPARATE_WAIT_MS,
                             .random = random_for_coap,
                             .context = node};
    const uint16_t next_mid = (uint16_t)kept->next_mid;
    co_init(&node->coap, &coap, kept_is_good ? &next_mid : NULL);
}

void nd_init(nd_node* node, const port_table* port, const nd_sensors* sensors) {
    nd_init_with(node, port, sensors, &nd_modem_link, &node->modem);
}

void nd_init_with(nd_node* node, const port_table* port, const nd_sensors* sensors, const nd_link* link,
                  void* link_self) {
    memset(node, 0, sizeof *node);
    node->port = port;
    node->link = link;
    node->link_self = link_self;
    node->sensors = sensors;
    node->readings_a_message = ND_PACK_READINGS;
    node->retained = (nd_retained*)(void*)port->retained(port->self);
    const uint32_t now_s = nd_now_s(node);
    node->progress_s = now_s;
    node->sample_at_s = now_s;
    rg_init(&node->ring, node->retained->slots);
    if (!read_provisioning(node)) {
        node->state = ND_UNPROVISIONED;
        return;
    }
    uint8_t probe[4];
    if (!port->entropy(port->self, probe, sizeof probe)) {
        node->state = ND_NO_ENTROPY;
        nd_log(node, PORT_LOG_ERROR, "the random number generator does not work: no start", "");
        return;
    }
    nd_kept* kept = &node->retained->kept;
    bool stopped = false;
    // Another provisioning begins anew: the modem's settings may be others.
    const bool good = kept->mark == KEPT_MARK && kept->crc == crc_of(kept) &&
                      kept->provisioning_crc == node->provisioning_crc;
    if (good) {
        node->clock_set_at_s = kept->clock_set_at_s;
        node->time.has_clock = kept->unix_at_zero != 0;
        node->time.unix_at_zero = kept->unix_at_zero;
        // A clock that was reset would put the next sample into a far future.
        if ((uint32_t)(kept->sample_at_s - now_s) <= 2 * node->provisioning.interval_s)
            node->sample_at_s = kept->sample_at_s;
    }
    if (good && kept->holding != 0 && (uint32_t)(kept->hold_until_s - now_s) <= HOLD_S_MAX) {
        node->holding_off = true;
        node->hold_until_s = kept->hold_until_s;
        stopped = kept->stopped != 0;
    }
    if (good) node->troubles = kept->troubles;
    init_layers(node, good);
    node->link_kept = good ? kept->link : SN_CONFIGURE_ANEW;
    node->state = stopped ? ND_STOPPED : ND_RUNNING;
}

// An interval from now, give or take a twentieth: a fleet that was switched on at once must not speak at
// once.
static void plan_next_sample(nd_node* node, uint32_t now_s) {
    const uint32_t interval = node->provisioning.interval_s;
    const uint32_t spread = interval / 10;
    node->sample_at_s = now_s + interval - spread / 2 + (spread == 0 ? 0 : nd_random(node) % spread);
}

static void sample(nd_node* node, uint32_t now_s) {
    rg_reading reading = {.at_s = now_s};
    for (uint8_t channel = 0; channel < node->sensors->count && reading.count < RG_VALUES; ++channel) {
        int32_t mantissa = 0;
        int8_t exponent = 0;
        if (!node->sensors->sample(node->sensors->context, channel, &mantissa, &exponent)) continue;
        reading.channels[reading.count] = channel;
        reading.mantissas[reading.count] = mantissa;
        reading.exponents[reading.count] = exponent;
        ++reading.count;
    }
    plan_next_sample(node, now_s);
    if (reading.count == 0) return;
    ++node->counts.samples;
    rg_put(&node->ring, &reading);
    nd_log_count(node, "readings: one more, ", node->ring.count, " to send");
}

// A node that falls again and again must not fill its ring with that.
static bool waits_already(const nd_node* node, const rg_reading* fault) {
    for (uint32_t i = 0; i < node->ring.count; ++i) {
        const rg_reading* reading = rg_peek(&node->ring, i);
        if (memcmp(reading->channels, fault->channels, sizeof fault->channels) == 0 &&
            memcmp(reading->mantissas, fault->mantissas, sizeof fault->mantissas) == 0)
            return true;
    }
    return false;
}

bool nd_report_fault(nd_node* node, uint32_t exception, uint32_t pc, uint32_t lr, uint32_t status) {
    if (node->state != ND_RUNNING && node->state != ND_STOPPED) return false;
    const rg_reading reading = {
        .at_s = nd_now_s(node),
        .count = 4,
        .channels = {ND_FAULT, ND_FAULT_PC, ND_FAULT_LR, ND_FAULT_STATUS},
        .mantissas = {(int32_t)exception, (int32_t)pc, (int32_t)lr, (int32_t)status},
    };
    if (!waits_already(node, &reading)) rg_put(&node->ring, &reading);
    return true;
}

// Whether `now_s` is at or past `then_s`.
static bool reached_s(uint32_t now_s, uint32_t then_s) {
    return (int32_t)(now_s - then_s) >= 0;
}

static uint32_t until_s(uint32_t now_s, uint32_t then_s) {
    if (reached_s(now_s, then_s)) return 0;
    const uint32_t seconds = then_s - now_s;
    return seconds > INT32_MAX / 1000 ? INT32_MAX : seconds * 1000;
}

bool nd_wants_to_send(const nd_node* node) {
    return node->state == ND_RUNNING && node->ring.count > 0 && !node->holding_off;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

uint32_t nd_step(nd_node* node) {
    if (node->state == ND_UNPROVISIONED || node->state == ND_NO_ENTROPY) {
        node->port->watchdog_feed(node->port->self);  // a person is to read the console
        return 1000;
    }
    const uint32_t now_s = nd_now_s(node);
    node->time.now_s = now_s;
    if (reached_s(now_s, node->sample_at_s)) sample(node, now_s);
    if (node->holding_off && reached_s(now_s, node->hold_until_s)) {
        node->holding_off = false;
        if (node->state == ND_STOPPED) node->state = ND_RUNNING;
    }
    uint32_t wait = nd_link_step(node);
    wait = least(wait, until_s(now_s, node->sample_at_s));
    if (node->holding_off) wait = least(wait, until_s(now_s, node->hold_until_s));
    if (!nd_wants_to_send(node)) node->progress_s = now_s;
    if (!reached_s(now_s, node->progress_s + PROGRESS_S_MAX)) node->port->watchdog_feed(node->port->self);
    return wait;
}

bool nd_may_sleep(const nd_node* node) {
    if (node->state == ND_STOPPED) return true;
    if (node->state != ND_RUNNING || nd_wants_to_send(node) || node->asking) return false;
    size_t size = 0;
    if (dt_take(&node->dtls, &size) != NULL || node->dtls.state == DT_HANDSHAKE) return false;
    return !node->modem_started || node->link->is_quiet(node->link_self);
}

void nd_sleep(nd_node* node, uint32_t ms) {
    nd_kept* kept = &node->retained->kept;
    memset(kept, 0, sizeof *kept);
    kept->mark = KEPT_MARK;
    kept->provisioning_crc = node->provisioning_crc;
    kept->next_mid = node->coap.next_mid;
    kept->link = node->modem_started ? node->link->kept(node->link_self) : node->link_kept;
    kept->sample_at_s = node->sample_at_s;
    kept->clock_set_at_s = node->clock_set_at_s;
    kept->unix_at_zero = node->time.unix_at_zero;
    kept->hold_until_s = node->hold_until_s;
    kept->holding = node->holding_off;
    kept->stopped = node->state == ND_STOPPED;
    kept->troubles = node->troubles;
    kept->crc = crc_of(kept);
    if (node->dtls.state == DT_ESTABLISHED) dt_store(&node->dtls, &node->retained->session);
    node->port->sleep(node->port->self, PORT_SLEEP_STANDBY, ms);
}
