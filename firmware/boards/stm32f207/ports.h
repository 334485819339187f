// SPDX-License-Identifier: Apache-2.0
//
// The two serial ports that every board has, USART3 for a person and USART6 for the modem, and what they and
// the provisioning page answer to the port (port/port.h; `self` is not looked at).
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_PORTS_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Both receive by interrupt from here on. The clocks are those of the buses they are at; pins and the ports'
// own clocks are the caller's.
void st_ports_start(uint32_t apb1_hz, uint32_t apb2_hz);

bool st_console_has_bytes(void);
bool st_modem_has_bytes(void);
// Waits until all has left them.
void st_console_drain(void);
void st_modem_drain(void);

// Of the console; writing waits for room.
void st_console_write(const uint8_t* bytes, size_t size);
size_t st_console_read(uint8_t* bytes, size_t size);

// The modem's, as port_table has them.
size_t st_modem_write(void* self, const uint8_t* bytes, size_t size);
size_t st_modem_read(void* self, uint8_t* bytes, size_t size);
uint32_t st_modem_lost(void* self);

// Of the provisioning page, likewise.
bool st_provisioning_read(void* self, size_t offset, uint8_t* bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
