// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "narrowgate/mqtt/trace.hpp"

namespace narrowgate::mqtt {

// The trace of one dialer's present attempt. Thread: any.
class TraceLog {
public:
    // Forgets the attempt before.
    void begin();
    // Fills in the time and the bytes that have passed. An alert that is there already, seen on the wire and
    // by our TLS both, is left out.
    void add(TraceStep step);
    void add(TraceStep::Kind kind, std::string detail, int code = 0);
    // Bytes that were read from one side.
    void count(Direction direction, std::size_t bytes);
    // What has passed of a record that is not whole.
    void set_partial(Direction direction, std::optional<PartialRecord> partial);
    // The connection to the broker, asked for its state with each copy; -1 before it is closed: its last
    // state is kept.
    void watch_socket(int fd);
    ConnectionTrace copy() const;

private:
    std::chrono::microseconds since_began() const;

    mutable std::mutex mutex_;
    SteadyTime began_{};
    ConnectionTrace trace_;
    std::size_t records_ = 0;
    int fd_ = -1;
};

}  // namespace narrowgate::mqtt
