// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "app/node_parts.h"
#include "senml/senml.h"

// Trouble in a row: a minute, doubled up to an hour, and up to a tenth more.
#define HOLD_S 60u
#define HOLD_DOUBLINGS 6u
#define HOLD_S_MAX 3600u

// A device that is in no fleet asks again so seldom: that may be put right at the gateway, with nobody near
// the node.
#define STOPPED_S 86400u

// What a gateway may ask for at most: longer than a day is a mistake that would silence a fleet.
#define RETRY_S_MAX 86400u

// After so many requests without an answer the gateway may have lost the session; a handshake tells.
#define UNANSWERED_MAX 2u

// The clock is checked once a day; its crystal goes wrong by two seconds in that time.
#define CLOCK_S 86400u

// Year 9999 (RFC 3339): whatever is behind is no time.
#define CLOCK_MAX_S 253402300799u

// More steps than that in one call would be a fault of ours, and are left for the next.
#define TURNS_MAX 16

static void hold_off(nd_node* node, uint32_t seconds) {
    node->holding_off = true;
    node->hold_until_s = nd_now_s(node) + seconds + nd_random(node) % (seconds / 10 + 1);
}

static void hold_off_for_trouble(nd_node* node) {
    uint32_t seconds = HOLD_S << (node->troubles < HOLD_DOUBLINGS ? node->troubles : HOLD_DOUBLINGS);
    if (seconds > HOLD_S_MAX) seconds = HOLD_S_MAX;
    if (node->troubles < UINT8_MAX) ++node->troubles;
    hold_off(node, seconds);
}

static void achieved(nd_node* node) {
    node->troubles = 0;
    node->progress_s = nd_now_s(node);
}

static bool wants_clock(const nd_node* node) {
    return node->clock_set_at_s == 0 || (uint32_t)(node->time.now_s - node->clock_set_at_s) >= CLOCK_S;
}

static void begin_request(nd_node* node) {
    node->asks_time = wants_clock(node);
    const uint64_t clock_ms =
        node->time.has_clock ? (uint64_t)(node->time.unix_at_zero + node->time.now_s) * 1000u : 0;
    const co_request request = {
        .method = CO_POST,
        .confirmable = true,
        .path = node->provisioning.resource,
        .content_format = (int32_t)SM_CONTENT_FORMAT,
        .accept = CO_NO_FORMAT,
        .payload = node->pack,
        .payload_size = nd_pack(node->pack, sizeof node->pack, &node->ring, node->readings_a_message,
                                node->sensors, &node->time, &node->asked_readings),
        .time_ms = node->asks_time ? &clock_ms : NULL,
    };
    node->resends_looked = 0;
    node->asking = co_begin(&node->coap, &request);
    if (node->asking) return;
    // A reading that makes no message never will.
    ++node->counts.refused;
    rg_pop(&node->ring);
}

static void drop_readings(nd_node* node, uint32_t* count) {
    for (uint32_t i = 0; i < node->asked_readings; ++i)
        rg_pop(&node->ring);
    *count += node->asked_readings;
}

// What a 2.xx says of our clock: the time, where it is wrong. A gateway that says nothing agrees, or knows
// nothing of this; times are relative then.
static void take_clock(nd_node* node) {
    if (!node->asks_time) return;
    const co_message* response = &node->coap.response;
    const uint32_t now_s = node->time.now_s;
    // The answer to a retransmission may be of its first sending: good for want of a better one, and the next
    // request asks again.
    const bool fresh = node->coap.retransmissions == 0;
    if (fresh) node->clock_set_at_s = now_s == 0 ? 1 : now_s;
    if (!response->has_time || response->time_ms / 1000u > CLOCK_MAX_S || (!fresh && node->time.has_clock))
        return;
    if (!fresh) node->clock_set_at_s = now_s - CLOCK_S;
    node->time.has_clock = true;
    node->time.unix_at_zero = (int64_t)((response->time_ms + 500u) / 1000u) - now_s;
    nd_log(node, PORT_LOG_INFO, "clock: set by the gateway", "");
}

static void take_response(nd_node* node) {
    const co_message* response = &node->coap.response;
    const uint32_t retry_s = co_retry_after_s(response);
    const unsigned class_ = response->code >> 5;
    if (retry_s != 0) {
        ++node->counts.deferred;
        achieved(node);
        hold_off(node, retry_s < RETRY_S_MAX ? retry_s : RETRY_S_MAX);
        nd_log_count(node, "the gateway says: later, in ", node->hold_until_s - nd_now_s(node), " s");
    } else if (response->code == CO_FORBIDDEN) {
        nd_log(node, PORT_LOG_ERROR,
               "the gateway says 4.03: this device is in no fleet, or in another. It asks again tomorrow",
               "");
        node->state = ND_STOPPED;
        hold_off(node, STOPPED_S);
    } else if (class_ == 5) {
        hold_off_for_trouble(node);
    } else if (class_ == 4) {
        nd_log(node, PORT_LOG_ERROR, "the gateway refuses what was measured, for good", "");
        achieved(node);
        drop_readings(node, &node->counts.refused);
    } else {
        achieved(node);
        take_clock(node);
        drop_readings(node, &node->counts.acknowledged);
        nd_log_count(node, "readings: ", node->asked_readings, " acknowledged");
    }
}

static void end_request(nd_node* node) {
    node->asking = false;
    if (node->coap.state == CO_ANSWERED) {
        take_response(node);
    } else {
        ++node->counts.unanswered;
        hold_off_for_trouble(node);
        nd_log_count(node, "no answer, the next try in ", node->hold_until_s - nd_now_s(node), " s");
        if (node->troubles >= UNANSWERED_MAX) {
            nd_log(node, PORT_LOG_WARNING, "no answer, the next try begins with a handshake", "");
            dt_close(&node->dtls);
        }
    }
    co_close(&node->coap);
}

static void begin_session(nd_node* node) {
    if (dt_restore(&node->dtls, &node->retained->session)) {
        ++node->counts.restored;
        nd_log(node, PORT_LOG_INFO, "session: restored, no handshake", "");
        return;
    }
    ++node->counts.handshakes;
    nd_log(node, PORT_LOG_INFO, "session: handshake", "");
    dt_start(&node->dtls, nd_now(node));
}

static void end_failed_session(nd_node* node) {
    static const char* const kReasons[] = {
        "",
        "the gateway does not answer",
        "no random numbers",
        "no memory",
        "the gateway refuses: look at identity and key",
        "the gateway has closed the session",
        "the hello is too long",
        "it broke off",
    };
    nd_log(node, PORT_LOG_WARNING, "session: ", kReasons[node->dtls.reason]);
    ++node->counts.handshakes_failed;
    if (node->asking) {
        node->asking = false;
        co_close(&node->coap);
    }
    dt_close(&node->dtls);
    hold_off_for_trouble(node);
}

// A datagram has come.
static bool take_datagram(nd_node* node) {
    size_t size = 0;
    const uint8_t* datagram = node->link->received(node->link_self, &size);
    if (datagram == NULL) return false;
    const uint32_t now = nd_now(node);
    dt_receive(&node->dtls, datagram, size, now);
    while ((size = dt_read(&node->dtls, node->plain, sizeof node->plain, now)) > 0)
        if (co_receive(&node->coap, node->plain, size, now) && node->asking) end_request(node);
    node->link->received_seen(node->link_self);
    return true;
}

// What became of the datagram that the link had. One that it did not take stays, and goes out as it is.
static bool take_sending(nd_node* node) {
    const sn_sending sending = node->link->sending(node->link_self);
    if (sending == SN_SENT) dt_sent(&node->dtls, nd_now(node));
    const bool ended = sending == SN_SENT || sending == SN_NOT_SENT;
    if (ended) node->link->sending_seen(node->link_self);
    return ended;
}

// Release assistance: only behind a request that is the last one. A handshake's flights are followed by
// others.
static sn_release release_of(const nd_node* node) {
    if (node->dtls.state != DT_ESTABLISHED) return SN_MORE_FOLLOWS;
    if (!node->asking) return SN_RELEASE_NOW;  // the acknowledgement of an answer
    const bool last = node->ring.count <= node->asked_readings;
    return last ? SN_RELEASE_AFTER : SN_MORE_FOLLOWS;
}

static bool send_datagram(nd_node* node) {
    size_t size = 0;
    const uint8_t* datagram = dt_take(&node->dtls, &size);
    if (datagram == NULL || node->link->sending(node->link_self) != SN_NOTHING) return false;
    return node->link->send(node->link_self, datagram, size, release_of(node));
}

static bool move_coap(nd_node* node) {
    const uint32_t now = nd_now(node);
    size_t size = 0;
    if (node->dtls.state != DT_ESTABLISHED || dt_take(&node->dtls, &size) != NULL) return false;
    if (!node->asking && nd_wants_to_send(node)) begin_request(node);
    co_step(&node->coap, now);
    // What was sent again may have been answered, and the news of it lost.
    if (node->asking && node->coap.retransmissions > node->resends_looked) {
        node->resends_looked = node->coap.retransmissions;
        node->link->look(node->link_self);
    }
    if (node->asking && co_is_over(node->coap.state)) {
        end_request(node);
        return true;
    }
    const uint8_t* message = co_take(&node->coap, now, &size);
    return message != NULL && dt_write(&node->dtls, message, size, now);
}

static bool move_session(nd_node* node) {
    if (node->dtls.state == DT_FAILED) {
        end_failed_session(node);
        return true;
    }
    if (node->dtls.state != DT_CLOSED || !nd_wants_to_send(node) || !node->link->is_ready(node->link_self))
        return false;
    begin_session(node);
    return true;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

uint32_t nd_link_step(nd_node* node) {
    if (!node->modem_started) {
        if (!nd_wants_to_send(node)) return PORT_NEVER;
        node->modem_started = true;
        node->link->start(node->link_self, node->link_kept);
    }
    uint32_t wait = PORT_NEVER;
    bool moved = true;
    for (int turn = 0; moved && turn < TURNS_MAX; ++turn) {
        wait = node->link->step(node->link_self);
        wait = least(wait, dt_step(&node->dtls, nd_now(node)));
        moved = take_sending(node);
        moved = take_datagram(node) || moved;
        moved = move_session(node) || moved;
        moved = move_coap(node) || moved;
        moved = send_datagram(node) || moved;
    }
    if (moved) return 0;
    if (node->asking && node->dtls.out_size == 0) wait = least(wait, co_step(&node->coap, nd_now(node)));
    return wait;
}
