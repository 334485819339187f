// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/rate_limiter.hpp"

#include <algorithm>
#include <cmath>

namespace narrowgate::daemon {

double RateLimiter::tokens_at(const Bucket& bucket, SteadyTime now) {
    const std::chrono::duration<double, std::ratio<60>> minutes = now - bucket.filled;
    return std::min<double>(bucket.per_minute, bucket.tokens + minutes.count() * bucket.per_minute);
}

std::optional<seconds> RateLimiter::take(dtls::SessionId session, unsigned per_minute, SteadyTime now) {
    if (buckets_.size() >= sweep_at_) drop_full(now);
    Bucket& bucket =
        buckets_.try_emplace(session, Bucket{static_cast<double>(per_minute), per_minute, now}).first->second;
    bucket.per_minute = per_minute;
    bucket.tokens = tokens_at(bucket, now);
    bucket.filled = now;
    if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        return std::nullopt;
    }
    return seconds(static_cast<std::int64_t>(std::ceil((1 - bucket.tokens) * 60 / per_minute)));
}

// tokens_at() keeps a bucket from overflowing.
void RateLimiter::give_back(dtls::SessionId session) {
    if (const auto found = buckets_.find(session); found != buckets_.end()) found->second.tokens += 1;
}

void RateLimiter::drop_full(SteadyTime now) {
    std::erase_if(buckets_, [now](const auto& entry) {
        return tokens_at(entry.second, now) >= entry.second.per_minute;
    });
    // Twice what is in use: the sweep costs each taken token a constant share.
    sweep_at_ = std::max<std::size_t>(1024, buckets_.size() * 2);
}

}  // namespace narrowgate::daemon
