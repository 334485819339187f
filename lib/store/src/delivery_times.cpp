// SPDX-License-Identifier: Apache-2.0
#include "delivery_times.hpp"

#include <algorithm>

#include "upstream_table.hpp"

namespace narrowgate::store {

DeliveryTimes::DeliveryTimes(Database& database, seconds retention)
    : step_(std::clamp(retention / 100, seconds(60), seconds(3600))),
      put_(database,
           "INSERT INTO delivered(began, at, readings) VALUES(?1, ?2, ?3)"
           " ON CONFLICT(began) DO UPDATE SET at = ?2, readings = ?3"),
      forget_(database, "DELETE FROM delivered WHERE at < ?1"),
      all_(database, "SELECT at, readings FROM delivered ORDER BY began") {}

DeliveredAt DeliveryTimes::all() {
    DeliveredAt all;
    Query query(all_);
    while (query.next()) {
        // One that cannot be read: its readings count from now.
        if (auto readings = decode_progress(query.blob(1)))
            all.emplace_back(query.time(0), *std::move(readings));
    }
    return all;
}

void DeliveryTimes::note(WallTime delivered, const Range& readings) {
    if (!began_ || delivered < *began_ || delivered >= *began_ + step_) {
        // What the step before has not written yet goes with this one: it counts as a little younger.
        if (!changed_) readings_.clear();
        began_ = delivered;
    }
    last_ = delivered;
    readings_.insert(readings.begin, readings.end);
    changed_ = true;
}

void DeliveryTimes::write(std::optional<WallTime> oldest) {
    if (changed_) put_.run(*began_, last_, encode_progress(readings_));
    forget_.run(oldest.value_or(WallTime::max()));
}

}  // namespace narrowgate::store
