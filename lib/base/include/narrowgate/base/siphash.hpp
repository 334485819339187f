// SPDX-License-Identifier: Apache-2.0
//
// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"): a keyed hash for what strangers send,
// and a short tag for what a disk may change.
#pragma once

#include <cstdint>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate {

inline constexpr std::size_t kSipHashKeyBytes = 16;

// Holds its key; immutable. Thread: any.
class SipHash {
public:
    // `key` is kSipHashKeyBytes long: aborts otherwise.
    explicit SipHash(ByteView key);
    static SipHash with_random_key();

    std::uint64_t operator()(ByteView message) const;

private:
    std::uint64_t k0_ = 0;
    std::uint64_t k1_ = 0;
};

}  // namespace narrowgate
