// SPDX-License-Identifier: Apache-2.0
//
// The node on a board without an operating system: one loop, which sleeps until the next thing is due.
#include "app/node.h"
#include "base/text.h"
#include "boards/common/board.h"
#include "boards/common/log.h"

// A watchdog of the hardware bites after 22 s at the earliest (boards/stm32f207/watchdog.h): the loop turns
// oftener.
#define TURN_MS_MAX 5000u

// Below that standby is not worth its reset, and the few hundred milliseconds that it takes.
#define STANDBY_MS_MIN 2000u

static nd_node node;

static void say(port_level level, const char* text, const char* detail) {
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, text);
    bs_put(&out, detail);
    bd_port()->log(bd_port()->self, level, line);
}

static const char* boot_text(bd_boot boot) {
    static const char* const kTexts[] = {"power on",        "supply was too low", "reset pin",
                                         "reset by itself", "woke from standby",  "watchdog",
                                         "after a fault"};
    return kTexts[boot];
}

static void say_fault(const cr_fault* fault) {
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, "the last fault: exception ");
    bs_put_unsigned(&out, fault->exception);
    bs_put(&out, " pc ");
    lg_put_hex(&out, fault->pc);
    bs_put(&out, " lr ");
    lg_put_hex(&out, fault->lr);
    bs_put(&out, " cfsr ");
    lg_put_hex(&out, fault->cfsr);
    bs_put(&out, " hfsr ");
    lg_put_hex(&out, fault->hfsr);
    bs_put(&out, " address ");
    lg_put_hex(&out, fault->address);
    say(PORT_LOG_ERROR, line, "");
}

// Identities are the gateway's to choose, and may be any bytes.
static void say_identity(void) {
    char text[PV_IDENTITY_BYTES_MAX + 1];
    const provisioning* p = &node.provisioning;
    for (size_t i = 0; i < p->identity_size; ++i)
        text[i] = p->identity[i] > ' ' && p->identity[i] < 0x7f ? (char)p->identity[i] : '?';
    text[p->identity_size] = '\0';
    say(PORT_LOG_INFO, "identity: ", text);
    say(PORT_LOG_INFO, "gateway: ", p->gateway);
}

static void say_cost(void) {
    char line[LG_LINE_BYTES];
    bs_text out = bs_text_in(line, sizeof line);
    bs_put(&out, "cost: stack ");
    bs_put_unsigned(&out, bd_stack_used());
    bs_put(&out, " bytes, TLS pool ");
    bs_put_unsigned(&out, (uint32_t)node.dtls.pool.peak_bytes);
    bs_put(&out, " bytes");
    say(PORT_LOG_INFO, line, "");
}

static void start(bd_boot boot) {
    say(PORT_LOG_INFO, "narrowgate-node on ", bd_name);
    say(PORT_LOG_INFO, "boot: ", boot_text(boot));
    const port_table* port = bd_port();
    cr_fault fault;
    const bool fell = cr_find(port->retained(port->self), &fault);
    if (fell) say_fault(&fault);
    nd_init(&node, port, bd_sensors());
    if (node.state == ND_RUNNING || node.state == ND_STOPPED) say_identity();
}

static void turn(void) {
    const port_table* port = bd_port();
    uint32_t wait = nd_step(&node);
    bd_turn();
    if (wait >= STANDBY_MS_MIN && nd_may_sleep(&node)) {
        say_cost();
        char line[LG_LINE_BYTES];
        bs_text out = bs_text_in(line, sizeof line);
        bs_put_unsigned(&out, wait / 1000);
        bs_put(&out, " s");
        say(PORT_LOG_INFO, "standby for ", line);
        nd_sleep(&node, wait);
        return;
    }
    if (wait > TURN_MS_MAX) wait = TURN_MS_MAX;
    if (wait > 0) port->sleep(port->self, PORT_SLEEP_IDLE, wait);
}

int main(void) {
    start(bd_start());
    for (;;)
        turn();
}
