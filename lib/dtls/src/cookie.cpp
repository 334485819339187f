// SPDX-License-Identifier: Apache-2.0
#include "cookie.hpp"

#include <algorithm>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::dtls {
namespace {

std::uint64_t bucket_of(SteadyTime now) {
    return static_cast<std::uint64_t>(now.time_since_epoch() / CookieMint::kBucket);
}

}  // namespace

Cookie CookieMint::of_bucket(const Address& remote, std::uint64_t bucket) const {
    std::array<std::uint8_t, 16 + 2 + 4 + 8> message{};
    std::ranges::copy(remote.ip, message.begin());
    std::size_t at = remote.ip.size();
    const auto put = [&](std::uint64_t value, std::size_t width) {
        while (width-- > 0)
            message[at++] = static_cast<std::uint8_t>(value >> (8 * width));
    };
    put(remote.port, 2);
    put(remote.scope, 4);
    put(bucket, 8);
    const auto digest = crypto::hmac_sha256(key_.view(), message);
    Cookie cookie;
    std::copy_n(digest.begin(), cookie.size(), cookie.begin());
    return cookie;
}

Cookie CookieMint::make(const Address& remote, SteadyTime now) const {
    return of_bucket(remote, bucket_of(now));
}

bool CookieMint::is_good(ByteView cookie, const Address& remote, SteadyTime now) const {
    if (cookie.size() != kCookieBytes) return false;
    const std::uint64_t bucket = bucket_of(now);
    return equal_in_constant_time(cookie, of_bucket(remote, bucket)) ||
           equal_in_constant_time(cookie, of_bucket(remote, bucket - 1));
}

}  // namespace narrowgate::dtls
