// SPDX-License-Identifier: Apache-2.0
//
// A serial port, 8N1: what comes goes by interrupt into a ring, what leaves is polled. At 9600 baud a byte
// takes a millisecond, so a caller that comes back each millisecond keeps the line busy without an interrupt.
//
// Thread: st_usart_interrupt() in the interrupt, all else in the main program.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_USART_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_USART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A quarter of a second at 9600 baud: longer than anything in the main program takes.
#define ST_USART_RING_BYTES 256u

// Each counter has one writer, the interrupt, and wraps.
typedef struct st_usart {
    uint32_t base;
    volatile uint32_t head;      // written by the interrupt
    volatile uint32_t tail;      // written by the reader
    volatile uint32_t overruns;  // the hardware had no room: the interrupt came late
    volatile uint32_t framing;   // no stop bit, or noise: a wrong baud rate, a bad line
    volatile uint32_t dropped;   // the ring was full: the reader came late
    uint32_t lost_seen;
    uint8_t ring[ST_USART_RING_BYTES];
} st_usart;

// `clock_hz` is that of the port's bus. Its clock is on, and its pins are set.
void st_usart_start(st_usart* usart, uint32_t base, uint32_t clock_hz, uint32_t baud);

void st_usart_interrupt(st_usart* usart);

// At most `size` bytes that have come; how many.
size_t st_usart_read(st_usart* usart, uint8_t* bytes, size_t size);
bool st_usart_has_bytes(const st_usart* usart);

// As much as the line takes now, which is two bytes at most; how many.
size_t st_usart_write(const st_usart* usart, const uint8_t* bytes, size_t size);
// All of it, each byte waited for, but not for ever. For the console.
void st_usart_write_all(const st_usart* usart, const uint8_t* bytes, size_t size);
// Until the last byte has left the line, but not for ever: before a sleep that would cut it.
void st_usart_drain(const st_usart* usart);

// Bytes that were lost, by whatever of the three counters, since the last call.
uint32_t st_usart_lost(st_usart* usart);

#ifdef __cplusplus
}
#endif

#endif
