// SPDX-License-Identifier: Apache-2.0
//
// One loop a thread (sd-event): file descriptors, timers, signals, and tasks handed over by other threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::io {

// What a descriptor is ready for; values combine.
enum class Ready : std::uint32_t { kNothing = 0, kRead = 1, kWrite = 2, kHangup = 4 };

constexpr Ready operator|(Ready left, Ready right) {
    return static_cast<Ready>(static_cast<std::uint32_t>(left) | static_cast<std::uint32_t>(right));
}
constexpr bool has(Ready set, Ready one) {
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(one)) != 0;
}

// A registration with a loop; it ends when this object does. Its callback may destroy it.
// Thread: the loop's.
class Source {
public:
    struct Impl;

    Source();
    explicit Source(std::shared_ptr<Impl> impl);
    ~Source();
    Source(Source&& other) noexcept;
    Source& operator=(Source&& other) noexcept;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    // For a descriptor: what to wait for from now on.
    void wait_for(Ready what);
    // For a timer: fire once at `when` (at once when that has passed), or not at all.
    void arm(SteadyTime when);
    void disarm();
    explicit operator bool() const { return impl_ != nullptr; }

private:
    std::shared_ptr<Impl> impl_;
};

// Thread: the one that calls run(); post() and stop() may be called from any.
class EventLoop {
public:
    using Task = std::function<void()>;

    // Fails when the process is out of descriptors or memory.
    static Expected<std::unique_ptr<EventLoop>> create();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // Calls back while `fd` is ready (level-triggered). The descriptor stays the caller's, and must be open
    // for as long as the Source lives.
    Source watch(int fd, Ready what, std::function<void(Ready)> callback);
    // A timer, disarmed at first.
    Source timer(Task callback);
    // Calls back when the process gets `signal_number`, which must be blocked in every thread (block_signal).
    Source watch_signal(int signal_number, Task callback);

    // Runs `task` in the loop's thread, in the order of posting. False, and nothing happens, when kMaxTasks
    // wait already or the loop has ended.
    bool post(Task task);

    // Turns until stop() has been called.
    void run();
    void stop();

    // The moment at which this turn began; the real time before the first turn.
    Now now() const;

    static constexpr std::size_t kMaxTasks = 65'536;

private:
    struct Impl;
    explicit EventLoop(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Blocks a signal for the calling thread and those it starts later, as watch_signal() needs.
void block_signal(int signal_number);

}  // namespace narrowgate::io
