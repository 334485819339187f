// SPDX-License-Identifier: Apache-2.0
//
// The node on a board without an operating system: one loop, which sleeps until the next thing is due.
#include "app/node.h"
#include "base/text.h"
#include "boards/common/board.h"
#include "boards/common/console.h"
#include "boards/common/lights.h"

// A watchdog of the hardware bites after 22 s at the earliest (boards/stm32f207/watchdog.h): the loop turns
// oftener. A person at the console is answered sooner, because a byte ends the wait.
#define TURN_MS_MAX 5000u

// Below that standby is not worth its reset, and the few hundred milliseconds that it takes; and stop not the
// start of the clocks.
#define STANDBY_MS_MIN 2000u
#define STOP_MS_MIN 100u

// Without provisioning the console says why so often.
#define COMPLAIN_MS 10000u

// Green for so long behind an acknowledged reading.
#define DELIVERED_MS 1000u

static nd_node node;

static void start(bd_boot boot) {
    const port_table* port = bd_port();
    cr_fault fault;
    uint8_t* retained = port->retained(port->self);
    bool fell = cr_find(retained, &fault);
    if (!fell && boot == BD_WATCHDOG) {
        fault = (cr_fault){.exception = CR_WATCHDOG};
        fell = true;
    }
    cs_say_start(boot, fell ? &fault : NULL);
    nd_init(&node, port, bd_sensors());
    if (node.state == ND_RUNNING || node.state == ND_STOPPED) cs_say_identity(&node);
    if (fell && nd_report_fault(&node, fault.exception, fault.pc, fault.lr, fault.cfsr)) cr_forget(retained);
}

static void complain(uint32_t now) {
    static uint32_t next = COMPLAIN_MS;
    if (node.state != ND_UNPROVISIONED || !port_reached(now, next)) return;
    next = now + COMPLAIN_MS;
    cs_say_provisioning(&node);
}

static void show_lights(uint32_t now) {
    static uint32_t acknowledged, until;
    if (node.counts.acknowledged != acknowledged) until = now + DELIVERED_MS;
    acknowledged = node.counts.acknowledged;
    bd_show(lt_pattern_of(&node, acknowledged != 0 && !port_reached(now, until)));
}

static void rest(const port_table* port, uint32_t wait) {
    const bool quiet = nd_may_sleep(&node) && !bd_stays_awake();
    if (quiet && wait >= STANDBY_MS_MIN) {
        cs_say_cost(&node);
        char line[40];
        bs_text out = bs_text_in(line, sizeof line);
        bs_put(&out, "standby for ");
        bs_put_unsigned(&out, wait / 1000);
        bs_put(&out, " s");
        port->log(port->self, PORT_LOG_INFO, line);
        nd_sleep(&node, wait);
    } else if (wait > 0) {
        port->sleep(port->self, quiet && wait >= STOP_MS_MIN ? PORT_SLEEP_STOP : PORT_SLEEP_IDLE,
                    wait < TURN_MS_MAX ? wait : TURN_MS_MAX);
    }
}

int main(void) {
    start(bd_start());
    const port_table* port = bd_port();
    for (;;) {
        const uint32_t wait = nd_step(&node);
        const uint32_t now = port->millis(port->self);
        cs_turn(&node);
        complain(now);
        show_lights(now);
        bd_turn();
        rest(port, wait);
    }
}
