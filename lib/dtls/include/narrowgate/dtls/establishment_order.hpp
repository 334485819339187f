// SPDX-License-Identifier: Apache-2.0
//
// In which order the shards of a gateway establish sessions: which of two of one credential is the older is
// decided by this, never by a clock.
#pragma once

#include <atomic>
#include <cstdint>

namespace narrowgate::dtls {

// Of sessions loaded from the journal: older than all established since the start.
inline constexpr std::uint32_t kLoadedOrder = 0;
// With which a loaded session confirms itself: above its like, below all established since the start.
inline constexpr std::uint32_t kLoadedConfirms = 1;

// One for all shards. Thread: any.
class EstablishmentOrder {
public:
    // Above all given out before. 2^32 handshakes, at the rate that the pools admit, outlast a process by
    // years.
    std::uint32_t next() { return last_.fetch_add(1, std::memory_order_relaxed) + 1; }

private:
    std::atomic<std::uint32_t> last_{kLoadedConfirms};
};

}  // namespace narrowgate::dtls
