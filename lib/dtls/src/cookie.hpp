// SPDX-License-Identifier: Apache-2.0
//
// Stateless cookies of HelloVerifyRequest (RFC 6347 section 4.2.1): they prove that a peer receives at the
// address it sends from, and cost us no memory.
#pragma once

#include <array>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/secret.hpp"

namespace narrowgate::dtls {

inline constexpr std::size_t kCookieBytes = 8;

using Cookie = std::array<std::uint8_t, kCookieBytes>;

class CookieMint {
public:
    // The current and the previous bucket are good, so a cookie lives for one to two of these: longer than
    // the longest wait between two ClientHellos (60 s).
    static constexpr seconds kBucket = seconds(120);

    explicit CookieMint(ByteView key) : key_(key) {}

    Cookie make(const Address& remote, SteadyTime now) const;
    bool is_good(ByteView cookie, const Address& remote, SteadyTime now) const;

private:
    Cookie of_bucket(const Address& remote, std::uint64_t bucket) const;

    Secret key_;
};

}  // namespace narrowgate::dtls
