// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pace.hpp"

#include <algorithm>
#include <chrono>

namespace narrowgate::daemon {
namespace {

// Of what a second allows. A burst adds to the second that follows it: with 95 publishes a second, 5 % and
// the one that overdraws, no second holds more than the 100 that AWS IoT Core takes.
constexpr double kBurst = 0.05;
// Of a burst.
constexpr double kReserve = 0.3;

}  // namespace

Pace::Bucket::Bucket(double rate, double capacity, double reserve)
    : rate_(rate), capacity_(capacity), reserve_(reserve), level_(capacity) {}

void Pace::Bucket::fill(SteadyTime::duration time) {
    level_ = std::min(capacity_, level_ + rate_ * std::chrono::duration<double>(time).count());
}

void Pace::Bucket::spend(double amount) {
    if (rate_ > 0) level_ -= amount;
}

SteadyTime::duration Pace::Bucket::wait(LaneName lane) const {
    const double wanted = lane == LaneName::kLive ? 0 : reserve_;
    if (rate_ <= 0 || level_ >= wanted) return SteadyTime::duration::zero();
    return std::chrono::ceil<SteadyTime::duration>(std::chrono::duration<double>((wanted - level_) / rate_));
}

Pace::Pace(PaceLimits limits)
    // A publish leaves while there is any token, and takes one: the level sinks to -1 at most.
    : publishes_(limits.publishes_per_second, limits.publishes_per_second * kBurst,
                 limits.publishes_per_second * kBurst * kReserve),
      bytes_(limits.bytes_per_second, limits.bytes_per_second * kBurst,
             limits.bytes_per_second * kBurst * kReserve) {}

bool Pace::allows(LaneName lane, SteadyTime now) {
    if (now > filled_) {
        publishes_.fill(now - filled_);
        bytes_.fill(now - filled_);
        filled_ = now;
    }
    return allowed_at(lane) <= filled_;
}

void Pace::spend(std::size_t bytes) {
    publishes_.spend(1);
    bytes_.spend(static_cast<double>(bytes));
}

SteadyTime Pace::allowed_at(LaneName lane) const {
    return filled_ + std::max(publishes_.wait(lane), bytes_.wait(lane));
}

}  // namespace narrowgate::daemon
