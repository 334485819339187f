// SPDX-License-Identifier: Apache-2.0
#include "workers.hpp"

#include <pthread.h>

#include <utility>

namespace narrowgate::ops {

Workers::Workers(std::size_t threads, std::size_t most_waiting) : most_waiting_(most_waiting) {
    threads_.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { work(); });
        pthread_setname_np(threads_.back().native_handle(), "http");
    }
}

Workers::~Workers() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    not_empty_.notify_all();
    threads_.clear();
}

void Workers::run(std::function<void()> job) {
    {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [this] { return jobs_.size() < most_waiting_; });
        jobs_.push_back(std::move(job));
    }
    not_empty_.notify_one();
}

PoolLoad Workers::load() const {
    const std::lock_guard lock(mutex_);
    return {busy_, threads_.size()};
}

void Workers::work() {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            not_empty_.wait(lock, [this] { return over_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
            ++busy_;
        }
        not_full_.notify_one();
        job();
        const std::lock_guard lock(mutex_);
        --busy_;
    }
}

}  // namespace narrowgate::ops
