// SPDX-License-Identifier: Apache-2.0
#include "bounded_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace narrowgate::ops {
namespace {

using std::chrono::milliseconds;

bool is_ready(int fd, short events, milliseconds wait) {
    pollfd watched{.fd = fd, .events = events, .revents = 0};
    // A signal in between ends the wait early: it is a wait the less, and these threads take none.
    return poll(&watched, 1, static_cast<int>(std::max(wait, milliseconds(0)).count())) > 0;
}

}  // namespace

BoundedStream::BoundedStream(int fd, std::string_view said, seconds patience, std::size_t most_request_bytes)
    : fd_(fd),
      patience_(patience),
      end_of_request_(Steady::now() + patience),
      left_bytes_(most_request_bytes - std::min(most_request_bytes, said.size())),
      unread_(said) {}

bool BoundedStream::is_readable() const {
    const auto wait = std::chrono::ceil<milliseconds>(end_of_request_ - Steady::now());
    return !unread_.empty() || is_ready(fd_, POLLIN, wait);
}

bool BoundedStream::is_writable() const {
    if (!is_ready(fd_, POLLOUT, patience_)) return false;
    char peeked = 0;
    const ssize_t count = recv(fd_, &peeked, 1, MSG_PEEK | MSG_DONTWAIT);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

bool BoundedStream::fill() {
    if (left_bytes_ == 0 || Steady::now() >= end_of_request_ || !is_readable()) return false;
    const ssize_t count = recv(fd_, buffer_.data(), std::min(buffer_.size(), left_bytes_), MSG_DONTWAIT);
    if (count <= 0) return false;
    unread_ = {buffer_.data(), static_cast<std::size_t>(count)};
    left_bytes_ -= unread_.size();
    return true;
}

ssize_t BoundedStream::read(char* out, std::size_t size) {
    if (unread_.empty() && !fill()) return -1;
    const std::size_t count = unread_.copy(out, size);
    unread_.remove_prefix(count);
    return static_cast<ssize_t>(count);
}

ssize_t BoundedStream::write(const char* data, std::size_t size) {
    if (!is_ready(fd_, POLLOUT, patience_)) return -1;
    return send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void BoundedStream::get_remote_ip_and_port(std::string& ip, int& port) const {
    ip.clear();
    port = 0;
}

void BoundedStream::get_local_ip_and_port(std::string& ip, int& port) const {
    ip.clear();
    port = 0;
}

}  // namespace narrowgate::ops
