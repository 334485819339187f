// SPDX-License-Identifier: Apache-2.0
//
// QEMU's netduino2: the core, flash, SRAM, serial ports and SysTick of an STM32F205, and nothing else that
// answers. What an STM32F207 has beside is stood in for: the backup SRAM and the battery-backed clock by SRAM
// that start-up leaves alone, the random number generator by the machine's, standby by waiting and a reset,
// the watchdog by a count. The provisioning page is where the emulator's command line has put it.
#include "boards/common/board.h"
#include "boards/common/console.h"
#include "boards/qemu_netduino2/semihosting.h"
#include "boards/stm32f207/ports.h"
#include "boards/stm32f207/registers.h"
#include "boards/stm32f207/startup.h"
#include "boards/stm32f207/systick.h"

const char bd_name[] = "qemu-netduino2";

// The emulated core runs at that, whatever its RCC was told; a real one's buses would be a half and a
// quarter.
#define CORE_HZ 120000000u

// As the hardware's at its slowest.
#define WATCHDOG_MS 32768u

// In SRAM that start-up leaves alone: what the backup domain of an STM32 keeps.
typedef struct kept {
    uint64_t retained[PORT_RETAINED_BYTES / sizeof(uint64_t)];
    uint32_t mark;
    uint32_t boot;  // why the next reset comes
    uint32_t seconds;
    uint32_t seconds_check;
    uint32_t samples;
} kept;
#define KEPT_MARK UINT32_C(0x4e474b51)
extern kept st_kept;

static volatile uint32_t ticks;  // milliseconds
static volatile uint32_t fed_at;
static uint32_t faults_at;  // a fault for a test: then; 0: none
static uint32_t hangs_at;   // the same for a loop that does not turn any more
static bool no_entropy;

static _Noreturn void reset_because(bd_boot why) {
    st_kept.boot = (uint32_t)why;
    st_reset_system();
}

void st_on_tick(void) {
    const uint32_t now = ticks + 1;
    ticks = now;
    if (now % 1000 == 0) {
        const uint32_t seconds = st_kept.seconds + 1;
        st_kept.seconds = seconds;
        st_kept.seconds_check = ~seconds;
    }
    if (now - fed_at > WATCHDOG_MS) reset_because(BD_WATCHDOG);
}

void st_on_fault(const cr_fault* fault) {
    cr_leave((uint8_t*)st_kept.retained, fault);
    st_kept.boot = BD_FAULT;
}

static uint32_t millis(void* self) {
    (void)self;
    return ticks;
}

static bool seconds(void* self, uint32_t* out) {
    (void)self;
    *out = st_kept.seconds;
    return true;
}

static bool entropy(void* self, uint8_t* bytes, size_t size) {
    (void)self;
    return !no_entropy && sh_entropy(bytes, size);
}

static uint8_t* retained(void* self) {
    (void)self;
    return (uint8_t*)st_kept.retained;
}

// Neither stop nor standby exists here: standby is a wait that hears nothing and ends in a reset.
static void sleep(void* self, port_depth depth, uint32_t ms) {
    (void)self;
    const uint32_t until = ticks + ms;
    const bool standby = depth == PORT_SLEEP_STANDBY;
    while ((ms == PORT_NEVER || !port_reached(ticks, until)) && (standby || !st_modem_has_bytes())) {
        if (standby) fed_at = ticks;  // it does not count in standby
        if (!standby && st_console_has_bytes()) break;
        st_wait_for_interrupt();
    }
    if (standby) reset_because(BD_WOKE);
}

static void watchdog_feed(void* self) {
    (void)self;
    fed_at = ticks;
}

static void reset(void* self) {
    (void)self;
    reset_because(BD_SOFTWARE);
}

// The modem's simulator has its own switch.
static void modem_pin(void* self, bool on) {
    (void)self;
    (void)on;
}

static const port_table kPort = {
    .uart_write = st_modem_write,
    .uart_read = st_modem_read,
    .uart_lost = st_modem_lost,
    .millis = millis,
    .seconds = seconds,
    .entropy = entropy,
    .nv_read = st_provisioning_read,
    .retained = retained,
    .sleep = sleep,
    .watchdog_feed = watchdog_feed,
    .reset = reset,
    .modem_power = modem_pin,
    .modem_reset = modem_pin,
    .log = cs_log,
};

const port_table* bd_port(void) {
    return &kPort;
}

// There is no sensor: a count, by which a test finds what is missing, and values that follow from it.
static bool sample(void* context, uint8_t channel, int32_t* mantissa, int8_t* exponent) {
    (void)context;
    if (channel == 0) st_kept.samples = st_kept.samples + 1;
    const int32_t count = (int32_t)st_kept.samples;
    const int32_t mantissas[] = {200 + count % 100, 3300 - count % 100, count};
    static const int8_t kExponents[] = {-1, -3, 0};
    *mantissa = mantissas[channel];
    *exponent = kExponents[channel];
    return true;
}

const nd_sensors* bd_sensors(void) {
    static const nd_channel kChannels[] = {{"t", "Cel"}, {"v", "V"}, {"n", NULL}};
    static const nd_sensors kSensors = {
        .channels = kChannels, .count = sizeof kChannels / sizeof kChannels[0], .sample = sample};
    return &kSensors;
}

void bd_console_write(const char* bytes, size_t size) {
    st_console_write((const uint8_t*)bytes, size);
}

size_t bd_console_read(uint8_t* bytes, size_t size) {
    return st_console_read(bytes, size);
}

void bd_show(lt_pattern pattern) {
    (void)pattern;
}

bool bd_stays_awake(void) {
    return false;
}

uint32_t bd_stack_used(void) {
    return st_stack_used();
}

// The first instruction that no core has.
void bd_turn(void) {
    if (faults_at != 0 && port_reached(ticks, faults_at)) __asm volatile("udf #0");
    while (hangs_at != 0 && port_reached(ticks, hangs_at))
        st_wait_for_interrupt();
}

static bd_boot why_it_starts(void) {
    const bool kept_is_good = st_kept.mark == KEPT_MARK && st_kept.boot <= BD_FAULT;
    const bd_boot boot = kept_is_good ? (bd_boot)st_kept.boot : BD_POWER_ON;
    if (!kept_is_good || st_kept.seconds_check != ~st_kept.seconds) {
        st_kept.seconds = 0;
        st_kept.seconds_check = ~UINT32_C(0);
        st_kept.samples = 0;
    }
    st_kept.mark = KEPT_MARK;
    st_kept.boot = BD_PIN;  // unless somebody says otherwise
    return boot;
}

bd_boot bd_start(void) {
    const bd_boot boot = why_it_starts();
    st_ports_start(CORE_HZ / 4, CORE_HZ / 2);
    st_systick_start(CORE_HZ);
    uint32_t value = 0;
    no_entropy = sh_argument("no-entropy", &value) && value != 0;
    // Once: the arguments are the same after the reset.
    if (boot == BD_POWER_ON && sh_argument("crash", &value)) faults_at = value * 1000;
    if (boot == BD_POWER_ON && sh_argument("hang", &value)) hangs_at = value * 1000;
    return boot;
}
