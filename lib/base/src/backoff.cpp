// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/backoff.hpp"

#include <algorithm>

namespace narrowgate {

Backoff::Backoff(const Options& options, std::uint64_t seed) : options_(options), state_(seed) {}

std::chrono::milliseconds Backoff::next() {
    constexpr unsigned kLargestShift = 30;
    const auto doubled = options_.base.count() << std::min(failures_, kLargestShift);
    const auto ceiling = std::max(std::min(options_.cap.count(), doubled), options_.floor.count());
    ++failures_;
    // splitmix64: even enough to spread reconnects, and seeded so that a test can repeat it.
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    const auto range = static_cast<std::uint64_t>(ceiling - options_.floor.count()) + 1;
    return options_.floor + std::chrono::milliseconds(static_cast<std::int64_t>(z % range));
}

}  // namespace narrowgate
