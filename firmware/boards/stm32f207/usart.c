// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/usart.h"

#include "boards/stm32f207/registers.h"

_Static_assert((ST_USART_RING_BYTES & (ST_USART_RING_BYTES - 1)) == 0, "head and tail wrap");

// A byte at 9600 baud is 1.04 ms; a read over the bus takes more than 8 cycles of 120 MHz.
#define BYTE_READS 20000u

void st_usart_start(st_usart* usart, uint32_t base, uint32_t clock_hz, uint32_t baud) {
    *usart = (st_usart){.base = base};
    // RM0033, fractional baud rate generation: with 16 samples a bit the register is the divisor itself, in
    // sixteenths.
    st_write(base + USART_BRR, (clock_hz + baud / 2) / baud);
    st_write(base + USART_CR2, 0);  // one stop bit
    st_write(base + USART_CR3, 0);  // no handshake
    st_write(base + USART_CR1, USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE);
}

void st_usart_interrupt(st_usart* usart) {
    const uint32_t status = st_read(usart->base + USART_SR);
    if ((status & (USART_SR_RXNE | USART_SR_ORE | USART_SR_FE | USART_SR_NF)) == 0) return;
    // Reading the data after the status clears all of these (RM0033, USART_SR).
    const uint8_t byte = (uint8_t)st_read(usart->base + USART_DR);
    if ((status & USART_SR_ORE) != 0) ++usart->overruns;
    if ((status & (USART_SR_FE | USART_SR_NF)) != 0) {
        ++usart->framing;
        return;
    }
    if ((status & USART_SR_RXNE) == 0) return;
    const uint32_t head = usart->head;
    if (head - usart->tail == ST_USART_RING_BYTES) {
        ++usart->dropped;
        return;
    }
    usart->ring[head % ST_USART_RING_BYTES] = byte;
    usart->head = head + 1;
}

size_t st_usart_read(st_usart* usart, uint8_t* bytes, size_t size) {
    size_t given = 0;
    for (; given < size && usart->head != usart->tail; ++given) {
        bytes[given] = usart->ring[usart->tail % ST_USART_RING_BYTES];
        usart->tail = usart->tail + 1;
    }
    return given;
}

bool st_usart_has_bytes(const st_usart* usart) {
    return usart->head != usart->tail;
}

size_t st_usart_write(const st_usart* usart, const uint8_t* bytes, size_t size) {
    size_t taken = 0;
    for (; taken < size && (st_read(usart->base + USART_SR) & USART_SR_TXE) != 0; ++taken)
        st_write(usart->base + USART_DR, bytes[taken]);
    return taken;
}

void st_usart_write_all(const st_usart* usart, const uint8_t* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        if (!st_wait(usart->base + USART_SR, USART_SR_TXE, USART_SR_TXE, BYTE_READS)) return;
        st_write(usart->base + USART_DR, bytes[i]);
    }
}

void st_usart_drain(const st_usart* usart) {
    // The byte in the shift register and the one behind it.
    st_wait(usart->base + USART_SR, USART_SR_TC, USART_SR_TC, 2 * BYTE_READS);
}

uint32_t st_usart_lost(st_usart* usart) {
    const uint32_t all = usart->overruns + usart->framing + usart->dropped;
    const uint32_t lost = all - usart->lost_seen;
    usart->lost_seen = all;
    return lost;
}
