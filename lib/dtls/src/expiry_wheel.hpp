// SPDX-License-Identifier: Apache-2.0
//
// When slots of a slab are due, in O(1) a call. Memory: 10 bytes a slot, 2 KB for the wheel; no timer and no
// allocation per session. A slot is due up to one granule (1/512 of the horizon) late, never early.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::dtls {

class ExpiryWheel {
public:
    static constexpr std::size_t kBuckets = 1024;

    // Nothing is scheduled further ahead than `horizon`.
    explicit ExpiryWheel(std::chrono::nanoseconds horizon)
        : granule_(horizon / (kBuckets / 2) + milliseconds(1)) {
        heads_.fill(kNone);
    }

    // A slot that is scheduled already moves.
    void schedule(std::uint32_t slot, SteadyTime due, SteadyTime now);
    void cancel(std::uint32_t slot);

    // The slots due at `now`; they are no longer scheduled. Takes time in proportion to them.
    std::vector<std::uint32_t> take_due(SteadyTime now);
    // When to look again; nothing while nothing is scheduled.
    std::optional<SteadyTime> next_deadline() const;

private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    static constexpr std::uint16_t kUnscheduled = kBuckets;

    struct Links {
        std::uint32_t next = kNone;
        std::uint32_t previous = kNone;
        std::uint16_t bucket = kUnscheduled;
    };

    std::int64_t tick_of(SteadyTime time) const { return time.time_since_epoch() / granule_; }

    std::chrono::nanoseconds granule_;
    std::int64_t next_tick_ = 0;  // the first not looked at yet
    std::size_t scheduled_ = 0;
    std::array<std::uint32_t, kBuckets> heads_;
    std::vector<Links> links_;  // by slot
};

}  // namespace narrowgate::dtls
