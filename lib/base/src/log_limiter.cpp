// SPDX-License-Identifier: Apache-2.0
#include "log_limiter.hpp"

namespace narrowgate {

LogLimiter::Bucket& LogLimiter::bucket_of(const LogEvent& event, const LogFields& fields) {
    std::string name(fields.upstream.empty() ? fields.fleet : fields.upstream);
    name.resize(std::min(name.size(), kMaxNameBytes));
    if (const auto known = buckets_.find({&event, name}); known != buckets_.end()) return known->second;
    if (buckets_.size() >= kMaxNamed) name.clear();
    const TokenBucket full(1.0 / static_cast<double>(kInterval.count()), event.burst);
    return buckets_.try_emplace({&event, std::move(name)}, Bucket{.tokens = full}).first->second;
}

std::optional<std::uint64_t> LogLimiter::admit(const LogEvent& event, const LogFields& fields,
                                               SteadyTime now) {
    Bucket& bucket = bucket_of(event, fields);
    if (bucket.tokens.take(now)) return std::exchange(bucket.left_out, 0);
    ++bucket.left_out;
    return std::nullopt;
}

}  // namespace narrowgate
