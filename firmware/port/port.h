// SPDX-License-Identifier: Apache-2.0
//
// All that the node asks of the machine it runs on. A board fills in one table; everything above it is the
// same on an STM32F207, in QEMU, on Linux and in a test's virtual time.
//
// No call blocks but sleep(). Thread: the node has one; interrupts are the board's own affair.
#ifndef NARROWGATE_FIRMWARE_PORT_PORT_H
#define NARROWGATE_FIRMWARE_PORT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A delay that does not end. Every step of every layer returns the milliseconds until it wants to be called
// again, so that a caller takes the least of them.
#define PORT_NEVER UINT32_MAX

// What a board has to give over a reset and over its deepest sleep. 4 KiB is the backup SRAM of an STM32F207.
#define PORT_RETAINED_BYTES 4096u
// The last of them are the board's own: what a fault leaves behind.
#define PORT_CRASH_BYTES 64u

typedef enum port_level {
    PORT_LOG_ERROR,
    PORT_LOG_WARNING,
    PORT_LOG_INFO,
    PORT_LOG_DEBUG,
} port_level;

// How deep a sleep may be. Each keeps what is listed for the one after it, too.
typedef enum port_depth {
    PORT_SLEEP_IDLE,     // the core waits; the UART receives
    PORT_SLEEP_STOP,     // RAM stays; a byte on the UART may be lost
    PORT_SLEEP_STANDBY,  // only the retained block stays: waking up is a reset
} port_depth;

// The calls' first argument is `self`.
typedef struct port_table {
    void* self;

    // The modem's UART, 9600 8N1. Takes at most `size` bytes into the board's queue; returns how many.
    size_t (*uart_write)(void* self, const uint8_t* bytes, size_t size);
    // Gives at most `size` bytes that have arrived; returns how many. 0: none now.
    size_t (*uart_read)(void* self, uint8_t* bytes, size_t size);
    // Bytes that were lost since the last call: overruns, framing errors, a full queue.
    uint32_t (*uart_lost)(void* self);

    // Since some moment before the start; goes on through every sleep but standby; wraps after 49.7 days, so
    // times are compared by port_reached().
    uint32_t (*millis)(void* self);
    // Since some moment that a reset does not move (a battery-backed clock); false: this board has none, or
    // its supply was lost, and `seconds` is 0. Compared by differences.
    bool (*seconds)(void* self, uint32_t* seconds);

    // Fills `bytes` from the hardware's random number generator, its error flags checked. False: it failed,
    // and nothing that needs a random number may start.
    bool (*entropy)(void* self, uint8_t* bytes, size_t size);

    // The provisioning block, in a flash page of its own. False: out of its range.
    bool (*nv_read)(void* self, size_t offset, uint8_t* bytes, size_t size);
    // PORT_RETAINED_BYTES of memory, aligned to 8 bytes, that survives a reset and standby. Holds anything
    // after a loss of supply.
    uint8_t* (*retained)(void* self);

    // Returns after `ms` (PORT_NEVER: never by time), or earlier when a byte came; not at all from standby.
    void (*sleep)(void* self, port_depth depth, uint32_t ms);
    // Called when something was achieved, never by a timer.
    void (*watchdog_feed)(void* self);
    // Ends in a reset. Does not return on a board; a test's does.
    void (*reset)(void* self);

    // The modem's supply (or its power-on pin), and its reset pin. True: powered, held in reset.
    void (*modem_power)(void* self, bool on);
    void (*modem_reset)(void* self, bool held);

    // One line without its end. For a person at the console: what happened, and what to do.
    void (*log)(void* self, port_level level, const char* text);
} port_table;

// Whether `now` is at or past `deadline`; right for distances up to 24 days.
static inline bool port_reached(uint32_t now, uint32_t deadline) {
    return (uint32_t)(now - deadline) < UINT32_C(0x80000000);
}

// Milliseconds from `now` to `deadline`, 0 when it is past.
static inline uint32_t port_until(uint32_t now, uint32_t deadline) {
    return port_reached(now, deadline) ? 0 : (uint32_t)(deadline - now);
}

#ifdef __cplusplus
}
#endif

#endif
