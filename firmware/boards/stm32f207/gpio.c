// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/gpio.h"

#include "boards/stm32f207/registers.h"

enum { MODE_INPUT = 0, MODE_OUTPUT = 1, MODE_ALTERNATE = 2 };

static uint32_t reg(st_pin pin, uint32_t offset) {
    return GPIO_BASE((uint32_t)pin.port) + offset;
}

// Fields of two bits a pin.
static void set_pair(st_pin pin, uint32_t offset, uint32_t value) {
    const uint32_t shift = 2u * pin.number;
    st_replace(reg(pin, offset), 3u << shift, value << shift);
}

static void switch_on(st_pin pin) {
    st_set(RCC_AHB1ENR, RCC_AHB1ENR_GPIO(pin.port));
    (void)st_read(RCC_AHB1ENR);  // the clock needs two cycles (RM0033, RCC_AHB1ENR)
}

void st_pin_output(st_pin pin, st_drive drive, bool high) {
    switch_on(pin);
    st_pin_set(pin, high);
    st_replace(reg(pin, GPIO_OTYPER), ST_BIT(pin.number), drive == ST_OPEN_DRAIN ? ST_BIT(pin.number) : 0);
    set_pair(pin, GPIO_PUPDR, ST_NO_PULL);
    set_pair(pin, GPIO_MODER, MODE_OUTPUT);
}

void st_pin_input(st_pin pin, st_pull pull) {
    switch_on(pin);
    set_pair(pin, GPIO_PUPDR, pull);
    set_pair(pin, GPIO_MODER, MODE_INPUT);
}

void st_pin_alternate(st_pin pin, uint32_t function, st_pull pull) {
    switch_on(pin);
    const uint32_t shift = 4u * (pin.number % 8u);
    st_replace(reg(pin, pin.number < 8 ? GPIO_AFRL : GPIO_AFRH), 15u << shift, function << shift);
    set_pair(pin, GPIO_PUPDR, pull);
    set_pair(pin, GPIO_MODER, MODE_ALTERNATE);
}

void st_pin_set(st_pin pin, bool high) {
    st_write(reg(pin, GPIO_BSRR), ST_BIT(high ? pin.number : pin.number + 16u));
}

bool st_pin_is_high(st_pin pin) {
    return (st_read(reg(pin, GPIO_IDR)) & ST_BIT(pin.number)) != 0;
}
