// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "senml/senml.h"

namespace narrowgate::firmware {

// A measured value, mantissa * 10^exponent. The texts outlive the record.
inline sm_record number(const char* name, const char* unit, std::int64_t mantissa, std::int8_t exponent) {
    sm_record record{};
    record.name = name;
    record.unit = unit;
    record.kind = SM_NUMBER;
    record.number = {mantissa, exponent};
    return record;
}

}  // namespace narrowgate::firmware
