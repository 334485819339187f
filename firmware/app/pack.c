// SPDX-License-Identifier: Apache-2.0
#include "app/pack.h"

#include "senml/senml.h"

// Another image may have had more.
static nd_channel channel_of(const nd_sensors* sensors, uint8_t channel) {
    static const char* const kFault[] = {"fx", "fp", "fl", "fs"};
    if (channel < sensors->count) return sensors->channels[channel];
    if (channel >= ND_FAULT && channel <= ND_FAULT_STATUS)
        return (nd_channel){kFault[channel - ND_FAULT], NULL};
    return (nd_channel){"x", NULL};
}

static int64_t mantissa_of(const rg_reading* reading, uint8_t i) {
    const int32_t mantissa = reading->mantissas[i];
    return reading->channels[i] >= ND_FAULT ? (int64_t)(uint32_t)mantissa : (int64_t)mantissa;
}

static void add_reading(sm_writer* writer, const rg_reading* reading, const rg_reading* first,
                        const nd_sensors* sensors, const nd_time* time) {
    for (uint8_t i = 0; i < reading->count; ++i) {
        const nd_channel channel = channel_of(sensors, reading->channels[i]);
        sm_record record = {.name = channel.name,
                            .unit = channel.unit,
                            .kind = SM_NUMBER,
                            .number = {mantissa_of(reading, i), reading->exponents[i]}};
        if (!time->has_clock) {
            record.time = -(int64_t)(uint32_t)(time->now_s - reading->at_s);
        } else if (reading == first && i == 0) {
            record.base_time = time->unix_at_zero + reading->at_s;
        } else {
            record.time = (int64_t)(uint32_t)(reading->at_s - first->at_s);
        }
        sm_add(writer, &record);
    }
}

static size_t pack(uint8_t* out, size_t capacity, const rg_ring* ring, uint32_t count,
                   const nd_sensors* sensors, const nd_time* time) {
    size_t records = 0;
    for (uint32_t i = 0; i < count; ++i)
        records += rg_peek(ring, i)->count;
    sm_writer writer;
    sm_begin(&writer, out, capacity, records);
    for (uint32_t i = 0; i < count; ++i)
        add_reading(&writer, rg_peek(ring, i), rg_peek(ring, 0), sensors, time);
    return sm_end(&writer);
}

size_t nd_pack(uint8_t* out, size_t capacity, const rg_ring* ring, uint32_t most, const nd_sensors* sensors,
               const nd_time* time, uint32_t* packed) {
    for (uint32_t count = ring->count < most ? ring->count : most; count > 0; --count) {
        const size_t size = pack(out, capacity, ring, count, sensors, time);
        if (size == 0) continue;
        *packed = count;
        return size;
    }
    *packed = 0;
    return 0;
}
