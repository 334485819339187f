// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/lanes.hpp"

#include <algorithm>

namespace narrowgate::daemon {

void Lanes::begin() {
    in_flight_.clear();
    const ReadingNumber head = source_.head();
    backlog_ = {.next = 0, .end = head, .ready = {}, .taken = 0};
    live_ = {.next = head, .end = 0, .ready = {}, .taken = 0};
}

Expected<std::span<const Reading>> Lanes::waiting(LaneName name) {
    Lane& lane = lane_of(name);
    while (lane.taken == lane.ready.size()) {
        lane.ready.clear();
        lane.taken = 0;
        // Taken before the store is read: what is committed meanwhile is looked for the next time.
        const ReadingNumber end = name == LaneName::kLive ? source_.head() : lane.end;
        if (lane.next >= end) return std::span<const Reading>();
        auto readings = source_.read(lane.next, kReadAheadCount, kReadAheadBytes);
        if (!readings) return std::unexpected(std::move(readings.error()));
        if (readings->empty() || readings->front().number >= end) {
            lane.next = end;
            return std::span<const Reading>();
        }
        std::erase_if(*readings, [&](const Reading& reading) { return reading.number >= end; });
        lane.next = readings->back().number + 1;
        // The backlog is read again from where something came back: what is in flight from behind that is met
        // again.
        std::erase_if(*readings, [&](const Reading& reading) { return in_flight_.contains(reading.number); });
        lane.ready = std::move(*readings);
    }
    return std::span<const Reading>(lane.ready).subspan(lane.taken);
}

void Lanes::take(LaneName name, std::size_t count) {
    Lane& lane = lane_of(name);
    for (std::size_t i = 0; i < count; ++i)
        in_flight_.insert(lane.ready.at(lane.taken++).number);
}

void Lanes::put_back(ReadingNumber number) {
    in_flight_.erase(number);
    ReadingNumber from = std::min(backlog_.next, number);
    if (backlog_.taken < backlog_.ready.size()) from = std::min(from, backlog_.ready[backlog_.taken].number);
    backlog_ = {.next = from, .end = std::max(backlog_.end, number + 1), .ready = {}, .taken = 0};
}

}  // namespace narrowgate::daemon
