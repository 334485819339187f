// SPDX-License-Identifier: Apache-2.0
#include "expiry_wheel.hpp"

#include <algorithm>

namespace narrowgate::dtls {

void ExpiryWheel::schedule(std::uint32_t slot, SteadyTime due, SteadyTime now) {
    if (slot >= links_.size()) links_.resize(slot + std::size_t{1});
    cancel(slot);
    if (scheduled_ == 0) next_tick_ = tick_of(now);
    // Rounded up, so that a slot is not looked at before it is due. What is overdue comes with the next tick.
    const std::int64_t tick = std::max(tick_of(due) + 1, next_tick_);
    const auto bucket = static_cast<std::uint16_t>(tick % static_cast<std::int64_t>(kBuckets));
    Links& links = links_[slot];
    links = {heads_[bucket], kNone, bucket};
    if (links.next != kNone) links_[links.next].previous = slot;
    heads_[bucket] = slot;
    ++scheduled_;
}

void ExpiryWheel::cancel(std::uint32_t slot) {
    if (slot >= links_.size() || links_[slot].bucket == kUnscheduled) return;
    const Links links = links_[slot];
    if (links.previous == kNone) {
        heads_[links.bucket] = links.next;
    } else {
        links_[links.previous].next = links.next;
    }
    if (links.next != kNone) links_[links.next].previous = links.previous;
    links_[slot] = {};
    --scheduled_;
}

std::vector<std::uint32_t> ExpiryWheel::take_due(SteadyTime now) {
    std::vector<std::uint32_t> due;
    const std::int64_t last = tick_of(now);
    // After a long pause one turn of the wheel has seen every bucket.
    next_tick_ = std::max(next_tick_, last + 1 - static_cast<std::int64_t>(kBuckets));
    for (; next_tick_ <= last; ++next_tick_) {
        auto& head = heads_[static_cast<std::size_t>(next_tick_ % static_cast<std::int64_t>(kBuckets))];
        while (head != kNone) {
            due.push_back(head);
            cancel(head);
        }
    }
    return due;
}

std::optional<SteadyTime> ExpiryWheel::next_deadline() const {
    if (scheduled_ == 0) return std::nullopt;
    return SteadyTime(std::chrono::duration_cast<SteadyTime::duration>(next_tick_ * granule_));
}

}  // namespace narrowgate::dtls
