// SPDX-License-Identifier: Apache-2.0
#include "reception.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

namespace narrowgate::ops {
namespace {

// When there was no descriptor or memory for a caller.
constexpr seconds kTakeInAgain{1};
constexpr std::size_t kDoorsAt = 1;  // in what is watched, after what wakes
// RFC 9112 section 2.1: an empty line behind the fields.
constexpr std::string_view kEndOfHead = "\r\n\r\n";

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
        listen_to(watched);
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
    for (const Guest& guest : guests_)
        watched.push_back({.fd = guest.caller.fd.get(), .events = POLLIN, .revents = 0});
    if (open && guests_.empty()) return -1;
    const auto next = guests_.empty() ? doors_closed_until_
                      : open          ? guests_.front().until
                                      : std::min(doors_closed_until_, guests_.front().until);
    return static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(next - now).count()));
}

void Reception::listen_to(const std::vector<pollfd>& watched) {
    const std::size_t first = kDoorsAt + doors_.size();
    std::deque<Guest> before = std::exchange(guests_, {});
    for (std::size_t i = 0; i < before.size(); ++i) {
        const Heard heard =
            watched[first + i].revents == 0 ? Heard::kNothingYet : listen_to(before[i].caller);
        if (heard == Heard::kNothingYet) guests_.push_back(std::move(before[i]));
        if (heard == Heard::kHead) begun_(std::make_shared<const Caller>(std::move(before[i].caller)));
    }
}

Reception::Heard Reception::listen_to(Caller& caller) const {
    std::array<char, 4096> buffer;
    const ssize_t count = ::recv(caller.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR ? Heard::kNothingYet : Heard::kNoMore;
    if (count == 0) return Heard::kHead;
    // The end of the head may have come in two pieces.
    const std::size_t looked_at = caller.said.size() - std::min(caller.said.size(), kEndOfHead.size() - 1);
    caller.said.append(buffer.data(), static_cast<std::size_t>(count));
    if (caller.said.find(kEndOfHead, looked_at) != std::string::npos) return Heard::kHead;
    return caller.said.size() < limits_.most_head_bytes ? Heard::kNothingYet : Heard::kNoMore;
}

void Reception::close_the_late() {
    const auto now = Steady::now();
    while (!guests_.empty() && guests_.front().until <= now)
        guests_.pop_front();
}

void Reception::take_in(std::size_t door) {
    io::FileDescriptor fd(::accept4(doors_[door], nullptr, nullptr, SOCK_CLOEXEC));
    if (fd) {
        if (guests_.size() >= limits_.most_callers) guests_.pop_front();
        guests_.push_back({{std::move(fd), door, {}}, Steady::now() + limits_.patience});
        return;
    }
    // It may have gone again already. Of what else there is: too little of something, for which one waits.
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
    doors_closed_until_ = Steady::now() + kTakeInAgain;
}

}  // namespace narrowgate::ops
