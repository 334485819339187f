// SPDX-License-Identifier: Apache-2.0
#include "boards/stm32f207/sensors.h"

#include "boards/stm32f207/registers.h"

#define CALIBRATION_MV 3300u
#define FULL_SCALE 4095u

enum { CHANNEL_TEMPERATURE = 16, CHANNEL_REFERENCE = 17 };

// 480 cycles, at 15 MHz 32 us: the sensor asks for 10 us (data sheet DS6329).
#define SAMPLE_480 7u
#define CONVERSION_READS 20000u

// The sensor needs 10 us to start; this many reads of a register take longer at 120 MHz.
#define START_READS 1000u

const st_calibration kStTypical = {
    .reference = 1210u * FULL_SCALE / CALIBRATION_MV,
    .temperature_30 = (7600u + 5u * 25u) * FULL_SCALE / (10u * CALIBRATION_MV),
    .temperature_110 = (7600u + 85u * 25u) * FULL_SCALE / (10u * CALIBRATION_MV),
};

static bool is_near(uint32_t value, uint32_t typical, uint32_t percent) {
    return value * 100u >= typical * (100u - percent) && value * 100u <= typical * (100u + percent);
}

st_calibration st_calibration_read(void) {
    const uint32_t reference = st_read(ST_CALIBRATION(0)) >> 16;
    const uint32_t at_30 = st_read(ST_CALIBRATION(1)) & 0xffffu;
    const uint32_t at_110 = st_read(ST_CALIBRATION(1)) >> 16;
    st_calibration calibration = kStTypical;
    // The data sheet allows 1.18 to 1.24 V.
    if (is_near(reference, kStTypical.reference, 3)) calibration.reference = (uint16_t)reference;
    const uint32_t span = (uint32_t)kStTypical.temperature_110 - kStTypical.temperature_30;
    if (is_near(at_30, kStTypical.temperature_30, 10) && at_110 > at_30 &&
        is_near(at_110 - at_30, span, 20)) {
        calibration.temperature_30 = (uint16_t)at_30;
        calibration.temperature_110 = (uint16_t)at_110;
    }
    return calibration;
}

static void switch_on(void) {
    st_set(RCC_APB2ENR, RCC_APB2ENR_ADC1);
    (void)st_read(RCC_APB2ENR);  // the clock needs two cycles
    st_replace(ADC_CCR, ADC_CCR_ADCPRE, ADC_CCR_ADCPRE_4 | ADC_CCR_TSVREFE);
    st_write(ADC1_CR1, 0);   // 12 bits
    st_write(ADC1_SQR1, 0);  // one conversion
    st_write(ADC1_SMPR1,
             SAMPLE_480 << 3 * (CHANNEL_TEMPERATURE - 10) | SAMPLE_480 << 3 * (CHANNEL_REFERENCE - 10));
    st_write(ADC1_CR2, ADC_CR2_ADON);
    for (unsigned i = 0; i < START_READS; ++i)
        (void)st_read(ADC1_CR2);
}

static void switch_off(void) {
    st_write(ADC1_CR2, 0);
    st_clear(ADC_CCR, ADC_CCR_TSVREFE);
    st_clear(RCC_APB2ENR, RCC_APB2ENR_ADC1);
}

// 0: it did not come to an end.
static uint32_t convert(uint32_t channel) {
    st_write(ADC1_SQR3, channel);
    st_write(ADC1_SR, 0);
    st_write(ADC1_CR2, ADC_CR2_ADON | ADC_CR2_SWSTART);
    if (!st_wait(ADC1_SR, ADC_SR_EOC, ADC_SR_EOC, CONVERSION_READS)) return 0;
    return st_read(ADC1_DR) & FULL_SCALE;
}

// Both are ratios to the supply: it is measured each time.
static bool measure(uint32_t* reference, uint32_t* temperature) {
    switch_on();
    *reference = convert(CHANNEL_REFERENCE);
    *temperature = convert(CHANNEL_TEMPERATURE);
    switch_off();
    return *reference != 0 && *temperature != 0;
}

bool st_supply(const st_calibration* calibration, int32_t* millivolts) {
    uint32_t reference = 0, temperature = 0;
    if (!measure(&reference, &temperature)) return false;
    *millivolts = (int32_t)(CALIBRATION_MV * calibration->reference / reference);
    return true;
}

bool st_temperature(const st_calibration* calibration, int32_t* tenths) {
    uint32_t reference = 0, temperature = 0;
    if (!measure(&reference, &temperature)) return false;
    // What it would be at 3.3 V.
    const int32_t at_calibration = (int32_t)(temperature * calibration->reference / reference);
    const int32_t span = calibration->temperature_110 - calibration->temperature_30;
    *tenths = 300 + (at_calibration - calibration->temperature_30) * 800 / span;
    return true;
}
