// SPDX-License-Identifier: Apache-2.0
//
// What the one thread of a simulator waits for: its sockets, each by a tag; signals; commands, a line each.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/file_descriptor.hpp"

namespace narrowgate::sim {

class Poller {
public:
    // Other descriptors have smaller tags.
    static constexpr std::uint64_t kSignals = ~std::uint64_t{0};
    static constexpr std::uint64_t kCommands = kSignals - 1;
    static constexpr std::uint64_t kLargestTag = kCommands - 1;

    // Before all else. From here on these signals come by next_signal() alone.
    Expected<void> open(std::initializer_list<int> signals);
    // Lines come from `fd`, which stays the caller's. What cannot be watched, as a file or /dev/null, gives
    // none.
    void take_commands_from(int fd);

    // `events` of epoll_ctl(2). A descriptor that is closed is watched no more.
    Expected<void> watch(int fd, std::uint64_t tag, std::uint32_t events = EPOLLIN);
    void change(int fd, std::uint64_t tag, std::uint32_t events);
    void forget(int fd);

    // The tags of what is ready, as soon as something is; none when it is `until`. Valid until the next call.
    std::span<const std::uint64_t> wait(std::optional<SteadyTime> until, SteadyTime now);

    // After kSignals: the next one that has come.
    std::optional<int> next_signal();
    // After kCommands: the lines that are whole by now, without their ends.
    std::vector<std::string> next_commands();

private:
    static constexpr std::size_t kMostAtOnce = 256;

    bool set(int how, int fd, std::uint64_t tag, std::uint32_t events);

    FileDescriptor epoll_;
    FileDescriptor signals_;
    int commands_ = -1;
    std::string unfinished_;  // the line that is not whole yet
    std::array<std::uint64_t, kMostAtOnce> tags_{};
};

}  // namespace narrowgate::sim
