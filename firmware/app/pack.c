// SPDX-License-Identifier: Apache-2.0
#include "app/pack.h"

#include "senml/senml.h"

static void add_reading(sm_writer* writer, const rg_reading* reading, const rg_reading* first,
                        const nd_sensors* sensors, const nd_time* time) {
    for (uint8_t i = 0; i < reading->count; ++i) {
        const uint8_t channel = reading->channels[i];
        const bool known = channel < sensors->count;  // another image may have had more
        sm_record record = {.name = known ? sensors->channels[channel].name : "x",
                            .unit = known ? sensors->channels[channel].unit : NULL,
                            .kind = SM_NUMBER,
                            .number = {reading->mantissas[i], reading->exponents[i]}};
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
