// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <utility>

#include "narrowgate/mqtt/diagnosis.hpp"

namespace narrowgate::mqtt {

// The last good and the last bad attempt of one connection. Thread: any.
class TraceHistory {
public:
    void good(TracedAttempt attempt) {
        const std::scoped_lock lock(mutex_);
        last_good_ = std::move(attempt);
    }
    void bad(TracedAttempt attempt) {
        const std::scoped_lock lock(mutex_);
        last_bad_ = std::move(attempt);
    }
    Traces with(ConnectionTrace present) const {
        const std::scoped_lock lock(mutex_);
        return {std::move(present), last_good_, last_bad_};
    }

private:
    mutable std::mutex mutex_;
    std::optional<TracedAttempt> last_good_;
    std::optional<TracedAttempt> last_bad_;
};

}  // namespace narrowgate::mqtt
