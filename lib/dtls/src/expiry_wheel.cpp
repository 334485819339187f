// SPDX-License-Identifier: Apache-2.0
#include "expiry_wheel.hpp"

#include <algorithm>
#include <utility>

namespace narrowgate::dtls {

void ExpiryWheel::schedule(std::uint32_t slot, SteadyTime due, SteadyTime now) {
    while (slot / kChunk >= chunks_.size())
        chunks_.emplace_back(std::make_unique<std::array<std::uint32_t, kChunk>>())->fill(kUnscheduled);
    std::uint32_t& next = next_of(slot);
    if (next != kUnscheduled) return;
    if (scheduled_ == 0) next_tick_ = tick_of(now);
    // Rounded up, so that a slot is not looked at before it is due. What is overdue comes with the next tick.
    const std::int64_t tick = std::max(tick_of(due) + 1, next_tick_);
    auto& head = heads_[static_cast<std::size_t>(tick) % kBuckets];
    next = head;
    head = slot;
    ++scheduled_;
}

std::vector<std::uint32_t> ExpiryWheel::take_due(SteadyTime now) {
    std::vector<std::uint32_t> due;
    const std::int64_t last = tick_of(now);
    // After a long pause one turn of the wheel has seen every bucket.
    next_tick_ = std::max(next_tick_, last + 1 - static_cast<std::int64_t>(kBuckets));
    for (; next_tick_ <= last; ++next_tick_) {
        auto& head = heads_[static_cast<std::size_t>(next_tick_) % kBuckets];
        while (head != kEnd) {
            const std::uint32_t slot = head;
            head = std::exchange(next_of(slot), kUnscheduled);
            due.push_back(slot);
            --scheduled_;
        }
    }
    return due;
}

std::optional<SteadyTime> ExpiryWheel::next_deadline() const {
    if (scheduled_ == 0) return std::nullopt;
    return SteadyTime(std::chrono::duration_cast<SteadyTime::duration>(next_tick_ * granule_));
}

}  // namespace narrowgate::dtls
