// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/lanes.hpp"

#include <algorithm>

namespace narrowgate::daemon {

void Lanes::begin(ReadingNumber live_from) {
    in_flight_.clear();
    live_from_ = live_from;
    backlog_ = {.next = 0, .ready = {}, .taken = 0};
    live_ = {.next = live_from, .ready = {}, .taken = 0};
    replay_ = {};
    replay_end_ = 0;
}

Lanes::Lane& Lanes::lane_of(LaneName name) {
    switch (name) {
        case LaneName::kLive:
            return live_;
        case LaneName::kBacklog:
            return backlog_;
        case LaneName::kReplay:
            break;
    }
    return replay_;
}

Expected<std::span<const Reading>> Lanes::waiting(LaneName name) {
    if (name == LaneName::kReplay) return replayed();
    Lane& lane = lane_of(name);
    // Taken before the store is read: what is committed meanwhile is looked for the next time.
    const ReadingNumber head = source_.head();
    const ReadingNumber end = name == LaneName::kLive ? head : std::min(live_from_, head);
    if (lane.left() < kLowWater && lane.next < end) {
        // What is ready goes out even if the store cannot be read now.
        if (auto filled = fill(lane, end); !filled && lane.left() == 0)
            return std::unexpected(std::move(filled.error()));
    }
    return std::span<const Reading>(lane.ready).subspan(lane.taken);
}

// One part of the store a call: what is live does not wait for a look through all of it.
Expected<std::span<const Reading>> Lanes::replayed() {
    const auto stretch = source_.replay();
    const ReadingNumber end = stretch ? stretch->end : 0;
    if (end != replay_end_) {
        replay_end_ = end;
        replay_ = {.next = stretch ? stretch->from : 0, .ready = {}, .taken = 0};
    }
    if (replay_.left() == 0 && replay_.next < replay_end_) {
        auto part = source_.read_replay(replay_.next, kReadAheadCount, kReadAheadBytes);
        if (!part) return std::unexpected(std::move(part.error()));
        replay_ = {.next = part->next, .ready = std::move(part->readings), .taken = 0};
        std::erase_if(replay_.ready, [this](const Reading& reading) {
            return in_flight_.contains(reading.number) || aside_.contains(reading.number);
        });
    }
    return std::span<const Reading>(replay_.ready).subspan(replay_.taken);
}

Expected<void> Lanes::fill(Lane& lane, ReadingNumber end) {
    lane.ready.erase(lane.ready.begin(), lane.ready.begin() + static_cast<std::ptrdiff_t>(lane.taken));
    lane.taken = 0;
    while (lane.ready.size() < kLowWater && lane.next < end) {
        auto readings = source_.read(lane.next, kReadAheadCount, kReadAheadBytes);
        if (!readings) return std::unexpected(std::move(readings.error()));
        if (readings->empty() || readings->front().number >= end) {
            lane.next = end;
            break;
        }
        for (Reading& reading : *readings) {
            if (reading.number >= end) break;
            lane.next = reading.number + 1;
            // A lane is read again from where something came back: what is in flight from behind that is met
            // again.
            if (in_flight_.contains(reading.number) || aside_.contains(reading.number)) continue;
            lane.ready.push_back(std::move(reading));
        }
    }
    return {};
}

void Lanes::take(LaneName name, std::span<const std::size_t> places) {
    Lane& lane = lane_of(name);
    for (const std::size_t place : places) {
        const ReadingNumber number = lane.ready.at(lane.taken + place).number;
        in_flight_.insert(number, number + 1);
    }
    std::size_t from_front = 0;
    while (from_front < places.size() && places[from_front] == from_front)
        ++from_front;
    if (from_front == places.size()) {
        lane.taken += from_front;
        if (lane.left() == 0)
            lane = {.next = lane.next, .ready = {}, .taken = 0};  // a quiet lane holds nothing
        return;
    }
    std::vector<Reading> left;
    left.reserve(lane.left() - places.size());
    auto next = places.begin();
    for (std::size_t place = 0; place < lane.left(); ++place) {
        if (next != places.end() && *next == place) {
            ++next;
        } else {
            left.push_back(std::move(lane.ready[lane.taken + place]));
        }
    }
    lane.ready = std::move(left);
    lane.taken = 0;
}

void Lanes::done(ReadingNumber number) {
    in_flight_.erase(number);
    aside_.erase(number);
}

void Lanes::set_aside(ReadingNumber number) {
    in_flight_.erase(number);
    aside_.insert(number, number + 1);
}

void Lanes::put_back(ReadingNumber number) {
    in_flight_.erase(number);
    aside_.erase(number);
    if (is_replayed(number)) {
        if (is_of_replay(number)) read_again(replay_, number);
        return;
    }
    read_again(lane_of(number < live_from_ ? LaneName::kBacklog : LaneName::kLive), number);
}

void Lanes::look_again(ReadingNumber from) {
    read_again(backlog_, from);
    read_again(live_, std::max(from, live_from_));
}

void Lanes::read_again(Lane& lane, ReadingNumber from) {
    from = std::min(lane.next, from);
    if (lane.left() > 0) from = std::min(from, lane.ready[lane.taken].number);
    lane = {.next = from, .ready = {}, .taken = 0};
}

}  // namespace narrowgate::daemon
