// SPDX-License-Identifier: Apache-2.0
#include "inbox.hpp"

namespace narrowgate::store {

bool Inbox::submit(Unit&& unit) {
    const std::uint64_t bytes = unit.reading ? unit.reading->payload.size() : 0;
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || units_.size() >= max_units_ || bytes_ + bytes > max_bytes_) {
            ++refusals_;
            return false;
        }
        first = units_.empty() && jobs_.empty();
        bytes_ += bytes;
        units_.push_back(std::move(unit));
    }
    // A writer at work looks again by itself; only a sleeping one must be woken.
    if (first) filled_.notify_one();
    return true;
}

bool Inbox::post(Job job) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        jobs_.push_back(std::move(job));
    }
    filled_.notify_one();
    return true;
}

void Inbox::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    filled_.notify_one();
}

Inbox::Work Inbox::take(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, patience, [&] { return closed_ || !units_.empty() || !jobs_.empty(); });
    Work work;
    work.units.swap(units_);
    work.jobs.swap(jobs_);
    work.closed = closed_;
    bytes_ = 0;
    return work;
}

bool Inbox::idle() const {
    const std::lock_guard lock(mutex_);
    return units_.empty() && jobs_.empty();
}

std::uint64_t Inbox::refusals() const {
    const std::lock_guard lock(mutex_);
    return refusals_;
}

Inbox::Load Inbox::load() const {
    const std::lock_guard lock(mutex_);
    return {.units = {units_.size(), max_units_}, .bytes = {bytes_, max_bytes_}};
}

}  // namespace narrowgate::store
