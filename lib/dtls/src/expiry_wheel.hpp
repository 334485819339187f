// SPDX-License-Identifier: Apache-2.0
//
// When slots of a slab are due, in O(1) a call. Memory: 4 bytes a slot, 4 KB for the wheel; no timer and no
// allocation per session. A slot is due up to one granule (1/512 of the horizon) late, never early.
//
// A slot cannot be taken out: it comes up when it was due, and whoever asked finds that it is free or in
// other use by then. That costs a look now and then, and saves a link back from each slot.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
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
        heads_.fill(kEnd);
    }

    // A slot that is scheduled already stays where it is.
    void schedule(std::uint32_t slot, SteadyTime due, SteadyTime now);

    // The slots due at `now`; they are no longer scheduled. Takes time in proportion to them.
    std::vector<std::uint32_t> take_due(SteadyTime now);
    // When to look again; nothing while nothing is scheduled.
    std::optional<SteadyTime> next_deadline() const;

private:
    static constexpr std::uint32_t kEnd = ~std::uint32_t{0};
    static constexpr std::uint32_t kUnscheduled = kEnd - 1;
    static constexpr std::size_t kChunk = 1024;  // slots

    std::int64_t tick_of(SteadyTime time) const { return time.time_since_epoch() / granule_; }
    std::uint32_t& next_of(std::uint32_t slot) { return (*chunks_[slot / kChunk])[slot % kChunk]; }

    std::chrono::nanoseconds granule_;
    std::int64_t next_tick_ = 0;  // the first not looked at yet
    std::size_t scheduled_ = 0;
    std::array<std::uint32_t, kBuckets> heads_;
    std::vector<std::unique_ptr<std::array<std::uint32_t, kChunk>>> chunks_;  // the next slot, by slot
};

}  // namespace narrowgate::dtls
