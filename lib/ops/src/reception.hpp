// SPDX-License-Identifier: Apache-2.0
//
// Takes callers in and keeps them until the head of a request is whole: who is silent or drips costs a
// descriptor and a few bytes, and none of the threads that answer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
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
        std::size_t most_callers = 0;     // beyond, the one that came first is closed
        std::size_t most_head_bytes = 0;  // who says more before his request's head is whole is closed
        seconds patience{0};              // who has not said it by then is closed
    };
    struct Caller {
        io::FileDescriptor fd;
        std::size_t door = 0;  // the index of where it came in
        std::string said;      // the head of a request and what came behind it; or all, and then its end
    };
    // May take its time: then nobody is taken in, and the kernel's queue fills.
    using Begun = std::function<void(std::shared_ptr<const Caller> caller)>;

    // `doors` are sockets that listen and do not block; they must outlive it. Fails when the process is out
    // of descriptors.
    static Expected<std::unique_ptr<Reception>> open(std::vector<int> doors, Limits limits, Begun begun);
    // Closes those that are here still.
    ~Reception();
    Reception(const Reception&) = delete;
    Reception& operator=(const Reception&) = delete;

private:
    using Steady = std::chrono::steady_clock;
    enum class Heard { kNothingYet, kHead, kNoMore };
    struct Guest {
        Caller caller;
        Steady::time_point until;
    };

    Reception(std::vector<int>&& doors, Limits limits, Begun&& begun, io::FileDescriptor&& wake);

    void receive();
    // What is watched: `wake_`, the doors, the guests in their order.
    int watch(std::vector<pollfd>& watched) const;
    void listen_to(const std::vector<pollfd>& watched);
    Heard listen_to(Caller& caller) const;
    void close_the_late();
    void take_in(std::size_t door);

    const std::vector<int> doors_;
    const Limits limits_;
    const Begun begun_;
    const io::FileDescriptor wake_;
    std::atomic<bool> over_ = false;
    std::deque<Guest> guests_;                 // the oldest first
    Steady::time_point doors_closed_until_{};  // while the process is out of descriptors
    std::jthread thread_;
};

}  // namespace narrowgate::ops
