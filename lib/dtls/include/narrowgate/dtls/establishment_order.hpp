// SPDX-License-Identifier: Apache-2.0
//
// In which order the shards of a gateway establish sessions: which of two of one credential is the older is
// decided by this. Only of two that were both left over on disk, by a clock: where it went back, the older
// one lives on until the credential's next session or its silence ends it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::dtls {

// Sessions loaded from the journal have orders below this one: older than all established since the start.
inline constexpr std::uint32_t kLoadedOrders = std::uint32_t{1} << 29;

// Of a loaded session, in steps of eight seconds: good until 2106.
inline std::uint32_t loaded_order(WallTime established) {
    const auto steps = std::chrono::floor<seconds>(established.time_since_epoch()).count() / 8;
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(steps, 0, kLoadedOrders - 2));
}

// With which a session confirms itself: above its own, and so, of loaded ones, above those of the same step.
inline std::uint32_t confirming_order(std::uint32_t order) {
    return order < kLoadedOrders ? order + 1 : order;
}

// One for all shards. Thread: any.
class EstablishmentOrder {
public:
    // Above all given out before. Almost 2^32 handshakes, at the rate that the pools admit, outlast a process
    // by years.
    std::uint32_t next() { return last_.fetch_add(1, std::memory_order_relaxed) + 1; }

private:
    std::atomic<std::uint32_t> last_{kLoadedOrders};
};

}  // namespace narrowgate::dtls
