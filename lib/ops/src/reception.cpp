// SPDX-License-Identifier: Apache-2.0
#include "reception.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace narrowgate::ops {
namespace {

// When there was no descriptor or memory for a caller.
constexpr seconds kTakeInAgain{1};
constexpr std::size_t kDoorsAt = 1;  // in what is watched, after what wakes

}  // namespace

Expected<std::unique_ptr<Reception>> Reception::open(std::vector<int> doors, Limits limits, Begun begun) {
    io::FileDescriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return failure("eventfd: " + system_message(errno), "raise the limit of open files");
    return std::unique_ptr<Reception>(
        new Reception(std::move(doors), limits, std::move(begun), std::move(wake)));
}

Reception::Reception(std::vector<int>&& doors, Limits limits, Begun&& begun, io::FileDescriptor&& wake)
    : doors_(std::move(doors)),
      limits_(limits),
      begun_(std::move(begun)),
      wake_(std::move(wake)),
      thread_([this] { receive(); }) {
    pthread_setname_np(thread_.native_handle(), "http-accept");
}

Reception::~Reception() {
    over_ = true;
    const std::uint64_t one = 1;
    // Cannot fail: nobody has written to it before.
    (void)!::write(wake_.get(), &one, sizeof(one));
    thread_.join();
}

void Reception::receive() {
    std::vector<pollfd> watched;
    while (!over_) {
        const int wait = watch(watched);
        if (::poll(watched.data(), watched.size(), wait) < 0) continue;  // a signal
        hand_on(watched);
        close_the_late();
        for (std::size_t door = 0; door < doors_.size(); ++door)
            if (watched[kDoorsAt + door].revents != 0) take_in(door);
    }
}

// Milliseconds until somebody is late; -1: nobody will be.
int Reception::watch(std::vector<pollfd>& watched) const {
    const auto now = Steady::now();
    const bool open = now >= doors_closed_until_;
    watched.clear();
    watched.push_back({.fd = wake_.get(), .events = POLLIN, .revents = 0});
    for (const int door : doors_)
        watched.push_back({.fd = open ? door : -1, .events = POLLIN, .revents = 0});
    for (const Silent& silent : silent_)
        watched.push_back({.fd = silent.fd.get(), .events = POLLIN, .revents = 0});
    if (open && silent_.empty()) return -1;
    const auto next = silent_.empty() ? doors_closed_until_
                      : open          ? silent_.front().until
                                      : std::min(doors_closed_until_, silent_.front().until);
    return static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(next - now).count()));
}

void Reception::hand_on(const std::vector<pollfd>& watched) {
    const std::size_t first = kDoorsAt + doors_.size();
    std::deque<Silent> before = std::exchange(silent_, {});
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (watched[first + i].revents == 0) {
            silent_.push_back(std::move(before[i]));
        } else {
            begun_(before[i].door, std::make_shared<io::FileDescriptor>(std::move(before[i].fd)));
        }
    }
}

void Reception::close_the_late() {
    const auto now = Steady::now();
    while (!silent_.empty() && silent_.front().until <= now)
        silent_.pop_front();
}

void Reception::take_in(std::size_t door) {
    io::FileDescriptor caller(::accept4(doors_[door], nullptr, nullptr, SOCK_CLOEXEC));
    if (caller) {
        if (silent_.size() >= limits_.most_silent) silent_.pop_front();
        silent_.push_back({std::move(caller), door, Steady::now() + limits_.patience});
        return;
    }
    // It may have gone again already. Of what else there is: too little of something, for which one waits.
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
    doors_closed_until_ = Steady::now() + kTakeInAgain;
}

}  // namespace narrowgate::ops
