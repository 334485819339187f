// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/ports.h"

#include <string.h>

#include "boards/stm32f207/registers.h"
#include "boards/stm32f207/startup.h"
#include "boards/stm32f207/usart.h"

#define CONSOLE_BAUD 115200u
#define MODEM_BAUD 9600u  // the SARA-N2's own, without a setting

static st_usart console, modem;

void st_on_usart3(void) {
    st_usart_interrupt(&console);
}

void st_on_usart6(void) {
    st_usart_interrupt(&modem);
}

void st_ports_start(uint32_t apb1_hz, uint32_t apb2_hz) {
    st_usart_start(&console, USART3_BASE, apb1_hz, CONSOLE_BAUD);
    st_usart_start(&modem, USART6_BASE, apb2_hz, MODEM_BAUD);
    st_enable_interrupt(ST_IRQ_USART3);
    st_enable_interrupt(ST_IRQ_USART6);
}

bool st_console_has_bytes(void) {
    return st_usart_has_bytes(&console);
}

bool st_modem_has_bytes(void) {
    return st_usart_has_bytes(&modem);
}

void st_console_drain(void) {
    st_usart_drain(&console);
}

void st_modem_drain(void) {
    st_usart_drain(&modem);
}

void st_console_write(const uint8_t* bytes, size_t size) {
    st_usart_write_all(&console, bytes, size);
}

size_t st_console_read(uint8_t* bytes, size_t size) {
    return st_usart_read(&console, bytes, size);
}

size_t st_modem_write(void* self, const uint8_t* bytes, size_t size) {
    (void)self;
    return st_usart_write(&modem, bytes, size);
}

size_t st_modem_read(void* self, uint8_t* bytes, size_t size) {
    (void)self;
    return st_usart_read(&modem, bytes, size);
}

uint32_t st_modem_lost(void* self) {
    (void)self;
    return st_usart_lost(&modem);
}

bool st_provisioning_read(void* self, size_t offset, uint8_t* bytes, size_t size) {
    (void)self;
    if (offset > ST_PROVISIONING_BYTES || size > ST_PROVISIONING_BYTES - offset) return false;
    memcpy(bytes, (const uint8_t*)(uintptr_t)ST_PROVISIONING_PAGE + offset, size);
    return true;
}
