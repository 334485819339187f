// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/rate_limiter.hpp"

#include <algorithm>
#include <cmath>

namespace narrowgate::daemon {
namespace {

// More than one, so that the queue gets shorter under load too; few, so that no reading waits for others.
constexpr std::size_t kExpiredByTake = 4;
// Of one call of expire(): about two milliseconds.
constexpr std::size_t kExpiredAtOnce = 16'384;

}  // namespace

double RateLimiter::tokens_at(const Bucket& bucket, SteadyTime now) {
    const std::chrono::duration<double, std::ratio<60>> minutes = now - bucket.filled;
    return std::min<double>(bucket.per_minute, bucket.tokens + minutes.count() * bucket.per_minute);
}

std::optional<seconds> RateLimiter::take(dtls::SessionId session, unsigned per_minute, SteadyTime now) {
    expire(now, kExpiredByTake);
    Bucket& bucket =
        buckets_.try_emplace(session, Bucket{static_cast<double>(per_minute), per_minute, now}).first->second;
    bucket.per_minute = per_minute;
    bucket.tokens = tokens_at(bucket, now);
    bucket.filled = now;
    touches_.push_back({session, now});
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

void RateLimiter::expire(SteadyTime now) {
    expire(now, kExpiredAtOnce);
    // Neither container gives back by itself what a wave of nodes made it grow to.
    if (buckets_.empty() && buckets_.bucket_count() > kExpiredAtOnce) buckets_ = {};
}

void RateLimiter::expire(SteadyTime now, std::size_t at_most) {
    for (; at_most > 0 && !touches_.empty() && now - touches_.front().at >= kTimeToFill; --at_most) {
        const Touch touch = touches_.front();
        touches_.pop_front();
        const auto found = buckets_.find(touch.session);
        if (found != buckets_.end() && found->second.filled == touch.at) buckets_.erase(found);
    }
}

}  // namespace narrowgate::daemon
