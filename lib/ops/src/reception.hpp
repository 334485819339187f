// SPDX-License-Identifier: Apache-2.0
//
// Takes callers in and keeps them until they have said something: who is silent costs a descriptor, and none
// of the threads that answer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/io/file_descriptor.hpp"

struct pollfd;

namespace narrowgate::ops {

// Thread: the one that made it; it has one of its own, in which `begun` is called.
class Reception {
public:
    struct Limits {
        std::size_t most_silent = 0;  // beyond, the one that has been silent longest is closed
        seconds patience{0};          // after which a silent one is closed
    };
    // The first bytes of a caller are here, or its end. `door`: the index of where it came in. May take
    // its time: then nobody is taken in, and the kernel's queue fills.
    using Begun = std::function<void(std::size_t door, std::shared_ptr<io::FileDescriptor> caller)>;

    // `doors` are sockets that listen and do not block; they must outlive it. Fails when the process is out
    // of descriptors.
    static Expected<std::unique_ptr<Reception>> open(std::vector<int> doors, Limits limits, Begun begun);
    // Closes those that are silent still.
    ~Reception();
    Reception(const Reception&) = delete;
    Reception& operator=(const Reception&) = delete;

private:
    using Steady = std::chrono::steady_clock;
    struct Silent {
        io::FileDescriptor fd;
        std::size_t door = 0;
        Steady::time_point until;
    };

    Reception(std::vector<int>&& doors, Limits limits, Begun&& begun, io::FileDescriptor&& wake);

    void receive();
    // What is watched: `wake_`, the doors, the silent ones in their order.
    int watch(std::vector<pollfd>& watched) const;
    void hand_on(const std::vector<pollfd>& watched);
    void close_the_late();
    void take_in(std::size_t door);

    const std::vector<int> doors_;
    const Limits limits_;
    const Begun begun_;
    const io::FileDescriptor wake_;
    std::atomic<bool> over_ = false;
    std::deque<Silent> silent_;                // the oldest first
    Steady::time_point doors_closed_until_{};  // while the process is out of descriptors
    std::jthread thread_;
};

}  // namespace narrowgate::ops
