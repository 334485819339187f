// SPDX-License-Identifier: Apache-2.0
#include "boards/common/console.h"

#include <string.h>

#include "base/text.h"
#include "boards/common/log.h"

static port_level wanted = PORT_LOG_INFO;
static char typed[32];
static size_t typed_size;

static void say(port_level level, const char* text) {
    bd_port()->log(bd_port()->self, level, text);
}

static void say_two(const char* text, const char* more) {
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, text);
    bs_put(&out, more);
    say(PORT_LOG_INFO, line);
}

void cs_log(void* self, port_level level, const char* text) {
    (void)self;
    char line[LG_LINE_BYTES];
    if (level > wanted) return;
    bd_console_write(line, lg_compose(line, bd_port()->millis(bd_port()->self), level, text));
}

static void say_fault(const cr_fault* fault) {
    static const char* const kNames[] = {" pc ", " lr ", " cfsr ", " hfsr ", " address "};
    const uint32_t values[] = {fault->pc, fault->lr, fault->cfsr, fault->hfsr, fault->address};
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, "the last fault: exception ");
    bs_put_unsigned(&out, fault->exception);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i) {
        bs_put(&out, kNames[i]);
        lg_put_hex(&out, values[i]);
    }
    say(PORT_LOG_ERROR, line);
}

void cs_say_start(bd_boot boot, const cr_fault* fault) {
    static const char* const kBoots[] = {"power on",        "the supply was too low", "reset pin",
                                         "reset by itself", "woke from standby",      "watchdog",
                                         "after a fault"};
    say_two("narrowgate-node on ", bd_name);
    say_two("boot: ", kBoots[boot]);
    if (fault != NULL) say_fault(fault);
}

void cs_say_identity(const nd_node* node) {
    const provisioning* p = &node->provisioning;
    char text[PV_IDENTITY_BYTES_MAX + 1];
    // It is the gateway's to choose, and may be any bytes.
    for (size_t i = 0; i < p->identity_size; ++i)
        text[i] = (char)(p->identity[i] > ' ' && p->identity[i] < 0x7f ? p->identity[i] : '?');
    text[p->identity_size] = '\0';
    say_two("identity: ", text);
    bs_text out = bs_text_in(text, sizeof text);
    bs_put(&out, p->gateway);
    bs_put(&out, ":");
    bs_put_unsigned(&out, p->gateway_port);
    say_two("gateway: ", text);
}

void cs_say_provisioning(const nd_node* node) {
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, "provisioning: ");
    bs_put(&out, pv_fault_text(node->fault));
    bs_put(&out, pv_field_text(node->fault_field));
    bs_put(&out, "; docs/firmware.md says how it is written; type help");
    say(PORT_LOG_ERROR, line);
}

void cs_say_cost(const nd_node* node) {
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, "cost: stack ");
    bs_put_unsigned(&out, bd_stack_used());
    bs_put(&out, " bytes, TLS pool ");
    bs_put_unsigned(&out, (uint32_t)node->dtls.pool.peak_bytes);
    bs_put(&out, " bytes");
    say(PORT_LOG_INFO, line);
}

typedef struct count {
    const char* name;
    uint32_t value;
} count;

static void say_counts(const char* head, const count* counts, size_t size) {
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, head);
    for (size_t i = 0; i < size; ++i) {
        bs_put(&out, i == 0 ? " " : ", ");
        bs_put_unsigned(&out, counts[i].value);
        bs_put(&out, counts[i].name);
    }
    say(PORT_LOG_INFO, line);
}

static void show(const nd_node* node) {
    static const char* const kStates[] = {"waits for its provisioning", "has no random numbers", "runs",
                                          "was told to stop by the gateway"};
    static const char* const kPhases[] = {"off",
                                          "starts",
                                          "is woken",
                                          "is asked its name",
                                          "is looked at",
                                          "is configured",
                                          "looks for a network",
                                          "is left alone",
                                          "opens its socket",
                                          "ready",
                                          "unknown"};
    say_two("node: ", kStates[node->state]);
    if (node->state == ND_UNPROVISIONED) {
        cs_say_provisioning(node);
        return;
    }
    cs_say_identity(node);
    const sn_counts* m = &node->modem.counts;
    say_two("modem: ", node->modem.model[0] != '\0' ? node->modem.model : "not asked yet");
    say_two("modem: ", kPhases[node->modem.phase]);
    const count modem[] = {{" errors", m->errors},
                           {" timeouts", m->timeouts},
                           {" garbled", m->garbled},
                           {" resets", m->resets},
                           {" restarts by itself", m->boots}};
    say_counts("modem:", modem, sizeof modem / sizeof modem[0]);
    const nd_counts* c = &node->counts;
    const count readings[] = {{" to send", node->ring.count},
                              {" acknowledged", c->acknowledged},
                              {" refused", c->refused},
                              {" without room", node->ring.dropped},
                              {" requests without answer", c->unanswered}};
    say_counts("readings:", readings, sizeof readings / sizeof readings[0]);
    const count sessions[] = {{" handshakes", c->handshakes},
                              {" of them failed", c->handshakes_failed},
                              {" restored", c->restored}};
    say_counts("session:", sessions, sizeof sessions / sizeof sessions[0]);
    cs_say_cost(node);
}

static void set_level(const char* name) {
    static const char* const kNames[] = {"error", "warning", "info", "debug"};
    for (size_t i = 0; i < sizeof kNames / sizeof kNames[0]; ++i) {
        if (strcmp(name, kNames[i]) != 0) continue;
        wanted = (port_level)i;
        return;
    }
    say(PORT_LOG_ERROR, "log error, log warning, log info or log debug");
}

static void run(const nd_node* node, const char* command) {
    if (strcmp(command, "show") == 0)
        show(node);
    else if (strncmp(command, "log ", 4) == 0)
        set_level(command + 4);
    else if (strcmp(command, "reset") == 0)
        bd_port()->reset(bd_port()->self);
    else
        say(PORT_LOG_ERROR, "show: how it is; log LEVEL: error, warning, info, debug; reset");
}

void cs_turn(const nd_node* node) {
    uint8_t byte;
    // As much as was typed since the last turn.
    for (size_t i = 0; i < sizeof typed && bd_console_read(&byte, 1) == 1; ++i) {
        if (byte != '\r' && byte != '\n') {
            if (typed_size + 1 < sizeof typed) typed[typed_size++] = (char)byte;
            continue;
        }
        typed[typed_size] = '\0';
        if (typed_size != 0) run(node, typed);
        typed_size = 0;
    }
}
