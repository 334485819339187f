// SPDX-License-Identifier: Apache-2.0
//
// The bounded way to the writer: units, and the few things that others have it do. Handing over never waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::store {

using Job = std::function<void()>;

// Thread: any gives, the writer takes.
class Inbox {
public:
    Inbox(std::size_t max_units, std::uint64_t max_bytes) : max_units_(max_units), max_bytes_(max_bytes) {}

    // False when full or closed; `unit` is then unchanged.
    bool submit(Unit&& unit);
    // False when closed.
    bool post(Job job);
    // Nothing more goes in; what is in comes out.
    void close();

    struct Work {
        std::vector<Unit> units;
        std::vector<Job> jobs;
        bool closed = false;  // and nothing will follow
    };
    // All that is there; waits up to `patience` for something.
    Work take(std::chrono::milliseconds patience);
    bool idle() const;
    std::uint64_t refusals() const;
    struct Load {
        PoolLoad units;
        PoolLoad bytes;  // of payload
    };
    Load load() const;

private:
    const std::size_t max_units_;
    const std::uint64_t max_bytes_;
    mutable std::mutex mutex_;
    std::condition_variable filled_;
    std::vector<Unit> units_;
    std::uint64_t bytes_ = 0;
    std::vector<Job> jobs_;
    bool closed_ = false;
    std::uint64_t refusals_ = 0;
};

}  // namespace narrowgate::store
