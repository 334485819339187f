// SPDX-License-Identifier: Apache-2.0
//
// The chip's own temperature and supply, by a converter whose reference is that supply.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "boards/stm32f207/sensors.h"
#include "firmware/register_model.hpp"

namespace narrowgate::firmware {
namespace {

class Stm32SensorsTest : public ::testing::Test {
protected:
    Stm32SensorsTest() {
        chip_.on_write[ADC1_CR2] = [this](std::uint32_t, std::uint32_t now) {
            if ((now & ADC_CR2_SWSTART) != 0 && converts_) {
                const double volts = chip_.values[ADC1_SQR3] == 17 ? 1.21 : 0.76 + (celsius_ - 25) * 0.0025;
                chip_.values[ADC1_DR] = static_cast<std::uint32_t>(std::lround(volts / supply_ * 4095));
                chip_.values[ADC1_SR] = ADC_SR_EOC;
            }
            return now & ~ADC_CR2_SWSTART;
        };
    }

    RegisterModel chip_;
    double supply_ = 3.3;
    double celsius_ = 25;
    bool converts_ = true;
};

TEST_F(Stm32SensorsTest, MeasuresItsSupplyByItsReference) {
    for (const double volts : {1.8, 2.7, 3.0, 3.3, 3.6}) {
        supply_ = volts;
        std::int32_t millivolts = 0;
        ASSERT_TRUE(st_supply(&kStTypical, &millivolts));
        EXPECT_NEAR(millivolts, volts * 1000, 5);
    }
}

TEST_F(Stm32SensorsTest, TheTemperatureDoesNotHangOnTheSupply) {
    for (const double volts : {2.7, 3.3})
        for (const double celsius : {-40.0, -0.5, 21.5, 85.0}) {
            supply_ = volts;
            celsius_ = celsius;
            std::int32_t tenths = 0;
            ASSERT_TRUE(st_temperature(&kStTypical, &tenths));
            EXPECT_NEAR(tenths, celsius * 10, 6);  // a step of the converter is 0.3 degrees
        }
}

TEST_F(Stm32SensorsTest, TheConverterIsOffBetweenTwoReadings) {
    std::int32_t millivolts = 0;
    st_supply(&kStTypical, &millivolts);
    EXPECT_EQ(chip_.values[ADC1_CR2], 0U);
    EXPECT_EQ(chip_.values[ADC_CCR] & ADC_CCR_TSVREFE, 0U);
    EXPECT_EQ(chip_.values[RCC_APB2ENR] & RCC_APB2ENR_ADC1, 0U);
    // Both channels are sampled for 480 cycles.
    EXPECT_EQ(chip_.values[ADC1_SMPR1], 7U << 18 | 7U << 21);
}

TEST_F(Stm32SensorsTest, AConverterThatDoesNotEndGivesNoValue) {
    converts_ = false;
    std::int32_t value = 0;
    EXPECT_FALSE(st_supply(&kStTypical, &value));
    EXPECT_FALSE(st_temperature(&kStTypical, &value));
    EXPECT_EQ(chip_.values[ADC1_CR2], 0U);
}

TEST_F(Stm32SensorsTest, CalibrationIsBelievedWhenItIsPossible) {
    const auto read = [&](std::uint32_t reference, std::uint32_t at_30, std::uint32_t at_110) {
        chip_.values[ST_CALIBRATION(0)] = reference << 16 | 0xabcd;
        chip_.values[ST_CALIBRATION(1)] = at_110 << 16 | at_30;
        return st_calibration_read();
    };
    const st_calibration taken = read(1'520, 970, 1'210);
    EXPECT_EQ(taken.reference, 1'520);
    EXPECT_EQ(taken.temperature_30, 970);
    EXPECT_EQ(taken.temperature_110, 1'210);
    const std::array<std::uint32_t, 3> impossible[] = {
        {0xffff, 0xffff, 0xffff}, {0, 0, 0}, {1'600, 1'210, 970}, {1'400, 970, 970}, {1'600, 958, 2'000}};
    for (const auto& [reference, at_30, at_110] : impossible) {
        const st_calibration typical = read(reference, at_30, at_110);
        EXPECT_EQ(typical.reference, kStTypical.reference);
        EXPECT_EQ(typical.temperature_30, kStTypical.temperature_30);
        EXPECT_EQ(typical.temperature_110, kStTypical.temperature_110);
    }
}

}  // namespace
}  // namespace narrowgate::firmware
