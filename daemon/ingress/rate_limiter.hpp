// SPDX-License-Identifier: Apache-2.0
//
// How many readings a node may send: one token bucket a session, kept only while it is not full.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/session_record.hpp"

namespace narrowgate::daemon {

// Thread: its shard's. Memory: a bucket of about 64 bytes for each session that sent within the last minute,
// and 16 bytes for each of its readings of that time. A session that sleeps has nothing here.
class RateLimiter {
public:
    // A bucket that nobody has taken from for so long is full, whatever its size.
    static constexpr seconds kTimeToFill{60};

    // Takes one token of the session's bucket, which holds `per_minute` and fills at that rate. Nothing when
    // there was one; else how long until there is.
    std::optional<seconds> take(dtls::SessionId session, unsigned per_minute, SteadyTime now);
    // The token taken last was for nothing.
    void give_back(dtls::SessionId session);
    void forget(dtls::SessionId session) { buckets_.erase(session); }
    // Drops full buckets, a bounded number in one call.
    void expire(SteadyTime now);

    std::size_t size() const { return buckets_.size(); }

private:
    struct Bucket {
        double tokens;
        unsigned per_minute;
        SteadyTime filled;
    };
    struct Touch {
        dtls::SessionId session;
        SteadyTime at;
    };

    static double tokens_at(const Bucket& bucket, SteadyTime now);
    void expire(SteadyTime now, std::size_t at_most);

    std::unordered_map<dtls::SessionId, Bucket> buckets_;
    std::deque<Touch> touches_;  // oldest first; only a bucket's last one counts
};

}  // namespace narrowgate::daemon
