// SPDX-License-Identifier: Apache-2.0
//
// How full a bounded pool is: one that refuses or drops what comes while it is full.
#pragma once

#include <cstdint>

namespace narrowgate {

// In the pool's own unit: pieces or bytes. `used` may exceed `capacity` where some are let in beyond it.
struct PoolLoad {
    std::uint64_t used = 0;
    std::uint64_t capacity = 0;

    PoolLoad& operator+=(const PoolLoad& other) {
        used += other.used;
        capacity += other.capacity;
        return *this;
    }
    bool operator==(const PoolLoad&) const = default;
};

}  // namespace narrowgate
