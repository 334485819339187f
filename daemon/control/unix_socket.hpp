// SPDX-License-Identifier: Apache-2.0
//
// A Unix stream socket that is owned, as both ends of the control socket need it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace narrowgate::daemon {

class UnixSocket {
public:
    UnixSocket() = default;
    explicit UnixSocket(int fd) : fd_(fd) {}
    ~UnixSocket() { close(); }
    UnixSocket(UnixSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UnixSocket& operator=(UnixSocket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    // Non-blocking, closed on exec; not open when the process has no descriptor left.
    static UnixSocket stream() {
        return UnixSocket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    int fd_ = -1;
};

// Nothing when the path is too long for a socket (unix(7): 107 bytes).
inline std::optional<sockaddr_un> unix_address(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof(address.sun_path)) return std::nullopt;
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    return address;
}

}  // namespace narrowgate::daemon
