// SPDX-License-Identifier: Apache-2.0
//
// A connection of the HTTP server whose request has an end: in bytes and in time. The library alone would
// wait for each byte anew, and keep a line of any length in memory.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::ops {

// Thread: one at a time.
class BoundedStream final : public httplib::Stream {
public:
    // `fd` must outlive the stream, and so must `said`, what has been read from it already. The rest of the
    // request must come within `patience`, each write be taken within it.
    BoundedStream(int fd, std::string_view said, seconds patience, std::size_t most_request_bytes);

    bool is_readable() const override;
    // False, too, when the other end has gone.
    bool is_writable() const override;
    // -1 when time or bytes are used up.
    ssize_t read(char* out, std::size_t size) override;
    ssize_t write(const char* data, std::size_t size) override;
    void get_remote_ip_and_port(std::string& ip, int& port) const override;
    void get_local_ip_and_port(std::string& ip, int& port) const override;
    int socket() const override { return fd_; }

private:
    using Steady = std::chrono::steady_clock;

    // Fills the buffer; false at the end, of whatever kind.
    bool fill();

    const int fd_;
    const seconds patience_;
    const Steady::time_point end_of_request_;
    std::size_t left_bytes_;
    std::array<char, 4096> buffer_{};
    std::string_view unread_;  // of `said`, then of the buffer
};

}  // namespace narrowgate::ops
