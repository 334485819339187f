// SPDX-License-Identifier: Apache-2.0
//
// Pins. A port is a letter's number, A is 0; its clock is switched on by what uses it first.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_GPIO_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_GPIO_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct st_pin {
    uint8_t port;  // 0: A
    uint8_t number;
} st_pin;

typedef enum st_drive { ST_PUSH_PULL, ST_OPEN_DRAIN } st_drive;
typedef enum st_pull { ST_NO_PULL = 0, ST_PULL_UP = 1, ST_PULL_DOWN = 2 } st_pull;

// Its level is there before it drives: no glitch at what hangs on it.
void st_pin_output(st_pin pin, st_drive drive, bool high);
void st_pin_input(st_pin pin, st_pull pull);
// One of the chip's functions has it; `function` is 0 to 15 (data sheet DS6329, alternate function mapping).
void st_pin_alternate(st_pin pin, uint32_t function, st_pull pull);

void st_pin_set(st_pin pin, bool high);
bool st_pin_is_high(st_pin pin);

#ifdef __cplusplus
}
#endif

#endif
