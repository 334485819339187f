// SPDX-License-Identifier: Apache-2.0
//
// ST's NUCLEO-F207ZG (UM1974) with a SARA-N2 at its Arduino connector. Which pin goes where, and what has to
// be done by hand, is in docs/firmware.md.
#include "boards/common/board.h"
#include "base/text.h"
#include "boards/common/console.h"
#include "boards/stm32f207/backup.h"
#include "boards/stm32f207/clock.h"
#include "boards/stm32f207/gpio.h"
#include "boards/stm32f207/ports.h"
#include "boards/stm32f207/power.h"
#include "boards/stm32f207/registers.h"
#include "boards/stm32f207/rng.h"
#include "boards/stm32f207/rtc.h"
#include "boards/stm32f207/sensors.h"
#include "boards/stm32f207/startup.h"
#include "boards/stm32f207/systick.h"
#include "boards/stm32f207/watchdog.h"

const char bd_name[] = "nucleo-f207zg";

// UM1974: the ST-LINK's serial port, the three LEDs, the blue button; D0, D1, D7 and D8 of the Arduino
// connector.
enum { PORT_B = 1, PORT_C = 2, PORT_D = 3, PORT_F = 5, PORT_G = 6 };
static const st_pin kConsoleTx = {PORT_D, 8};
static const st_pin kConsoleRx = {PORT_D, 9};
static const st_pin kModemTx = {PORT_G, 14};
static const st_pin kModemRx = {PORT_G, 9};
static const st_pin kModemPower = {PORT_F, 13};                            // of a load switch; high: on
static const st_pin kModemReset = {PORT_F, 12};                            // RESET_N, open drain; low: held
static const st_pin kButton = {PORT_C, 13};                                // high while it is pressed
static const st_pin kLights[] = {{PORT_B, 0}, {PORT_B, 7}, {PORT_B, 14}};  // green, blue, red
#define FUNCTION_USART3 7u
#define FUNCTION_USART6 8u

// Notes over a reset (backup.h).
enum { NOTE_STANDBY = 1, NOTE_FAULT = 2 };

// What is due meanwhile is a button or an LED: not oftener.
#define LIGHTS_MS 10u

static st_rng rng;
static st_clock clocks;
static st_rtc_source rtc;
static st_calibration calibration;
static volatile uint32_t ticks;  // milliseconds
static volatile lt_pattern shown;

void st_on_tick(void) {
    const uint32_t now = ticks + 1;
    ticks = now;
    if (now % LIGHTS_MS != 0) return;
    const unsigned lit = lt_lit(shown, now);
    for (unsigned i = 0; i < sizeof kLights / sizeof kLights[0]; ++i)
        st_pin_set(kLights[i], (lit >> i & 1u) != 0);
}

static uint8_t* retained(void* self) {
    (void)self;
    return (uint8_t*)(uintptr_t)ST_BACKUP_SRAM;
}

void st_on_fault(const cr_fault* fault) {
    // It may come before anything was switched on.
    st_backup_open();
    st_backup_start();
    cr_leave(retained(NULL), fault);
    st_backup_leave_note(NOTE_FAULT, 0);
}

static uint32_t millis(void* self) {
    (void)self;
    return ticks;
}

static bool seconds(void* self, uint32_t* out) {
    (void)self;
    *out = rtc == ST_RTC_NONE ? 0 : st_rtc_seconds();
    return rtc != ST_RTC_NONE;
}

static bool entropy(void* self, uint8_t* bytes, size_t size) {
    (void)self;
    if (st_rng_fill(&rng, bytes, size)) return true;
    char text[64];
    bs_text line = bs_text_in(text, sizeof text);
    bs_put(&line, "random number generator: ");
    bs_put(&line, st_rng_text(rng.fault));
    cs_log(NULL, PORT_LOG_ERROR, text);
    return false;
}

static void idle(uint32_t ms) {
    const uint32_t until = ticks + ms;
    while ((ms == PORT_NEVER || !port_reached(ticks, until)) && !st_modem_has_bytes() &&
           !st_console_has_bytes())
        st_wait_for_interrupt();
}

static void stop(uint32_t ms) {
    if (rtc == ST_RTC_NONE || !st_rtc_wake_after(ms)) {
        idle(ms);
        return;
    }
    st_console_drain();
    st_modem_drain();
    const uint32_t before = st_rtc_seconds();
    st_systick_stop();
    st_power_stop(kModemRx);
    const bool is_time = st_rtc_is_time();
    clocks = st_clock_start();
    st_rtc_resync();
    // Who was woken earlier knows the time to a second.
    ticks += is_time ? ms : (st_rtc_seconds() - before) * 1000u;
    st_systick_start(clocks.core_hz);
}

// What standby would be, without a timer that ends it.
static void stay_awake_for(uint32_t ms) {
    const uint32_t until = ticks + ms;
    while (ms == PORT_NEVER || !port_reached(ticks, until)) {
        st_watchdog_feed();
        st_wait_for_interrupt();
    }
}

// The watchdog would end standby within half a minute, and only a reset stops it: the first thing that
// follows the reset is standby (bd_start).
static _Noreturn void standby(uint32_t ms) {
    st_console_drain();
    st_modem_drain();
    if (rtc != ST_RTC_NONE && st_rtc_wake_after(ms))
        st_backup_leave_note(NOTE_STANDBY, ms);
    else
        stay_awake_for(ms);
    st_reset_system();
}

static void sleep_for(void* self, port_depth depth, uint32_t ms) {
    (void)self;
    if (depth == PORT_SLEEP_STANDBY) standby(ms);
    if (depth == PORT_SLEEP_STOP)
        stop(ms);
    else
        idle(ms);
}

static void watchdog_feed(void* self) {
    (void)self;
    st_watchdog_feed();
}

static void reset(void* self) {
    (void)self;
    st_console_drain();
    st_reset_system();
}

static void modem_power(void* self, bool on) {
    (void)self;
    st_pin_set(kModemPower, on);
}

static void modem_reset(void* self, bool held) {
    (void)self;
    st_pin_set(kModemReset, !held);
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
    .sleep = sleep_for,
    .watchdog_feed = watchdog_feed,
    .reset = reset,
    .modem_power = modem_power,
    .modem_reset = modem_reset,
    .log = cs_log,
};

const port_table* bd_port(void) {
    return &kPort;
}

static bool sample(void* context, uint8_t channel, int32_t* mantissa, int8_t* exponent) {
    (void)context;
    *exponent = channel == 0 ? -1 : -3;
    return channel == 0 ? st_temperature(&calibration, mantissa) : st_supply(&calibration, mantissa);
}

const nd_sensors* bd_sensors(void) {
    static const nd_channel kChannels[] = {{"t", "Cel"}, {"v", "V"}};
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
    shown = pattern;
}

bool bd_stays_awake(void) {
    return st_pin_is_high(kButton);
}

void bd_turn(void) {}

uint32_t bd_stack_used(void) {
    return st_stack_used();
}

static bd_boot boot_of(st_cause cause, uint32_t note) {
    static const bd_boot kBoots[] = {BD_POWER_ON, BD_BROWN_OUT, BD_PIN, BD_SOFTWARE, BD_WATCHDOG, BD_WOKE};
    return cause == ST_CAUSE_SOFTWARE && note == NOTE_FAULT ? BD_FAULT : kBoots[cause];
}

// The modem's supply stays as it is: it may have been on all the time (docs/firmware.md, pull-ups).
static void start_pins(void) {
    for (unsigned i = 0; i < sizeof kLights / sizeof kLights[0]; ++i)
        st_pin_output(kLights[i], ST_PUSH_PULL, true);
    st_pin_output(kModemPower, ST_PUSH_PULL, true);
    st_pin_output(kModemReset, ST_OPEN_DRAIN, true);
    st_pin_input(kButton, ST_NO_PULL);  // the board pulls it down
    st_pin_alternate(kConsoleTx, FUNCTION_USART3, ST_NO_PULL);
    st_pin_alternate(kConsoleRx, FUNCTION_USART3, ST_PULL_UP);
    st_pin_alternate(kModemTx, FUNCTION_USART6, ST_NO_PULL);
    st_pin_alternate(kModemRx, FUNCTION_USART6, ST_PULL_UP);
}

static void start_ports(void) {
    st_set(RCC_APB1ENR, RCC_APB1ENR_USART3);
    st_set(RCC_APB2ENR, RCC_APB2ENR_USART6);
    st_ports_start(clocks.apb1_hz, clocks.apb2_hz);
}

static void say_troubles(bool kept) {
    cs_log(NULL, clocks.source == ST_CLOCK_HSE ? PORT_LOG_INFO : PORT_LOG_WARNING,
           st_clock_text(clocks.source));
    if (!kept)
        cs_log(NULL, PORT_LOG_WARNING, "the backup regulator is not ready: what is kept is lost in standby");
    if (rtc == ST_RTC_LSI)
        cs_log(NULL, PORT_LOG_WARNING, "the crystal of 32 kHz does not start: intervals are rough");
    if (rtc == ST_RTC_NONE)
        cs_log(NULL, PORT_LOG_ERROR,
               "no clock of 32 kHz starts: no standby, and times begin with each reset");
}

bd_boot bd_start(void) {
    st_backup_open();
    uint32_t value = 0;
    const uint32_t note = st_backup_take_note(&value);
    if (note == NOTE_STANDBY && st_rtc_wake_after(value)) st_power_standby();
    const st_cause cause = st_power_cause();
    clocks = st_clock_start();
    const bool kept = st_backup_start();
    start_pins();
    start_ports();
    st_systick_start(clocks.core_hz);
    rtc = st_rtc_start();  // takes seconds when it is first set going
    st_watchdog_start();
    st_rng_start(&rng);
    calibration = st_calibration_read();
    say_troubles(kept);
    return boot_of(cause, note);
}
