// SPDX-License-Identifier: Apache-2.0
//
// A file descriptor that is owned: closed when its owner goes.
#pragma once

#include <unistd.h>

#include <utility>

namespace narrowgate::io {

// Thread: one at a time.
class FileDescriptor {
public:
    FileDescriptor() = default;
    // Takes over what a system call returned; a negative value is none.
    explicit FileDescriptor(int fd) : fd_(fd) {}
    ~FileDescriptor() { close(); }
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    int fd_ = -1;
};

}  // namespace narrowgate::io
