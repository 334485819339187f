// SPDX-License-Identifier: Apache-2.0
#include "sim/poller.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace narrowgate::sim {

Expected<void> Poller::open(std::initializer_list<int> signals) {
    epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals)
        sigaddset(&set, signal);
    (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    return watch(signals_.get(), kSignals);
}

void Poller::take_commands_from(int fd) {
    commands_ = fd;
    (void)watch(fd, kCommands);
}

bool Poller::set(int how, int fd, std::uint64_t tag, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag;
    return ::epoll_ctl(epoll_.get(), how, fd, &event) == 0;
}

Expected<void> Poller::watch(int fd, std::uint64_t tag, std::uint32_t events) {
    if (!set(EPOLL_CTL_ADD, fd, tag, events)) return failure("epoll: " + system_message(errno));
    return {};
}

void Poller::change(int fd, std::uint64_t tag, std::uint32_t events) {
    (void)set(EPOLL_CTL_MOD, fd, tag, events);
}

void Poller::forget(int fd) {
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::span<const std::uint64_t> Poller::wait(std::optional<SteadyTime> until, SteadyTime now) {
    timespec left{};
    if (until && *until > now) {
        const auto whole = std::chrono::floor<seconds>(*until - now);
        left = {.tv_sec = whole.count(), .tv_nsec = (*until - now - whole).count()};
    }
    std::array<epoll_event, kMostAtOnce> ready;
    const int count = ::epoll_pwait2(epoll_.get(), ready.data(), static_cast<int>(ready.size()),
                                     until ? &left : nullptr, nullptr);
    const auto found = std::span(ready).first(static_cast<std::size_t>(std::max(count, 0)));
    std::ranges::transform(found, tags_.begin(), [](const epoll_event& event) { return event.data.u64; });
    return std::span(tags_).first(found.size());
}

std::optional<int> Poller::next_signal() {
    signalfd_siginfo signal;
    if (::read(signals_.get(), &signal, sizeof signal) != sizeof signal) return std::nullopt;
    return static_cast<int>(signal.ssi_signo);
}

std::vector<std::string> Poller::next_commands() {
    std::array<char, 4096> buffer;
    const ssize_t count = ::read(commands_, buffer.data(), buffer.size());
    if (count <= 0) {
        forget(commands_);  // nobody commands any more
        return {};
    }
    unfinished_.append(buffer.data(), static_cast<std::size_t>(count));
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = unfinished_.find('\n', begin)) != std::string::npos; begin = end + 1)
        lines.push_back(unfinished_.substr(begin, end - begin));
    unfinished_.erase(0, begin);
    return lines;
}

}  // namespace narrowgate::sim
