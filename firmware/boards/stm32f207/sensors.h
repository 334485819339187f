// SPDX-License-Identifier: Apache-2.0
//
// What the chip measures of itself: its temperature and its supply.
#ifndef NARROWGATE_FIRMWARE_BOARDS_STM32F207_SENSORS_H
#define NARROWGATE_FIRMWARE_BOARDS_STM32F207_SENSORS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What the converter gave for the reference and the temperature sensor when the chip was made, at 3.3 V.
typedef struct st_calibration {
    uint16_t reference;        // VREFINT_CAL
    uint16_t temperature_30;   // TS_CAL1
    uint16_t temperature_110;  // TS_CAL2
} st_calibration;

// The typical chip (data sheet DS6329: reference 1.21 V, sensor 0.76 V at 25 degrees and 2.5 mV a degree).
extern const st_calibration kStTypical;

// The chip's own, value by value, where that is possible for such a chip; else the typical one.
st_calibration st_calibration_read(void);

// In tenths of a degree Celsius. False: the converter did not come to an end.
bool st_temperature(const st_calibration* calibration, int32_t* tenths);
// In millivolts.
bool st_supply(const st_calibration* calibration, int32_t* millivolts);

#ifdef __cplusplus
}
#endif

#endif
