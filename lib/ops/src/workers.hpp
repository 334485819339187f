// SPDX-License-Identifier: Apache-2.0
//
// A fixed number of threads and a bounded queue before them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "narrowgate/base/pool_load.hpp"

namespace narrowgate::ops {

// Thread: any.
class Workers {
public:
    Workers(std::size_t threads, std::size_t most_waiting);
    // Does what waits, then ends.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // Waits while the queue is full.
    void run(std::function<void()> job);
    // Threads at work.
    PoolLoad load() const;

private:
    void work();

    const std::size_t most_waiting_;
    mutable std::mutex mutex_;
    std::condition_variable not_empty_;
    std::condition_variable not_full_;
    std::deque<std::function<void()>> jobs_;
    bool over_ = false;
    std::size_t busy_ = 0;
    std::vector<std::jthread> threads_;
};

}  // namespace narrowgate::ops
