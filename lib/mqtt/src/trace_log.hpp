// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

// The trace of one dialer's present attempt. Thread: any.
class TraceLog {
public:
    // Forgets the attempt before.
    void begin() {
        const Now now = SystemClock{}.now();
        const std::scoped_lock lock(mutex_);
        began_ = now.steady;
        trace_ = {};
        trace_.began = now.wall;
    }
    void add(TraceStep step) {
        const SteadyTime now = SystemClock{}.now().steady;
        const std::scoped_lock lock(mutex_);
        step.at = std::chrono::duration_cast<std::chrono::microseconds>(now - began_);
        if (trace_.steps.size() < ConnectionTrace::kMaxSteps) {
            trace_.steps.push_back(std::move(step));
        } else {
            ++trace_.steps_left_out;
        }
    }
    void add(TraceStep::Kind kind, std::string detail) {
        TraceStep step;
        step.kind = kind;
        step.detail = std::move(detail);
        add(std::move(step));
    }
    void count(Direction direction, std::size_t bytes) {
        const std::scoped_lock lock(mutex_);
        (direction == Direction::kToServer ? trace_.bytes_to_server : trace_.bytes_from_server) += bytes;
    }
    ConnectionTrace copy() const {
        const std::scoped_lock lock(mutex_);
        return trace_;
    }

private:
    mutable std::mutex mutex_;
    SteadyTime began_{};
    ConnectionTrace trace_;
};

}  // namespace narrowgate::mqtt
