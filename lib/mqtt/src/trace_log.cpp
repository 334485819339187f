// SPDX-License-Identifier: Apache-2.0
#include "trace_log.hpp"

// Not netinet/tcp.h: its tcp_info ends before tcpi_rcv_ooopack.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

namespace narrowgate::mqtt {
namespace {

std::optional<TcpState> tcp_state_of(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    // Kernels before 5.4 leave the last field as it is: 0.
    return TcpState{.mss_bytes = info.tcpi_snd_mss,
                    .unacknowledged = info.tcpi_unacked,
                    .retransmissions = info.tcpi_total_retrans,
                    .out_of_order = info.tcpi_rcv_ooopack};
}

}  // namespace

std::chrono::microseconds TraceLog::since_began() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(SystemClock{}.now().steady - began_);
}

void TraceLog::begin() {
    const Now now = SystemClock{}.now();
    const std::scoped_lock lock(mutex_);
    began_ = now.steady;
    trace_ = {};
    trace_.began = now.wall;
    records_ = 0;
}

void TraceLog::add(TraceStep step) {
    const std::scoped_lock lock(mutex_);
    const bool is_record = step.kind == TraceStep::Kind::kRecord;
    if (trace_.steps.size() >= ConnectionTrace::kMaxSteps ||
        (is_record && records_ >= ConnectionTrace::kMaxRecords)) {
        ++trace_.steps_left_out;
        return;
    }
    if (step.kind == TraceStep::Kind::kAlert &&
        std::ranges::any_of(trace_.steps, [&](const TraceStep& other) {
            return other.kind == step.kind && other.direction == step.direction && other.code == step.code;
        })) {
        return;
    }
    records_ += is_record ? 1 : 0;
    step.at = since_began();
    step.bytes_to_server = trace_.bytes_to_server;
    step.bytes_from_server = trace_.bytes_from_server;
    trace_.steps.push_back(std::move(step));
}

void TraceLog::add(TraceStep::Kind kind, std::string detail, int code) {
    TraceStep step;
    step.kind = kind;
    step.detail = std::move(detail);
    step.code = code;
    add(std::move(step));
}

void TraceLog::count(Direction direction, std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    if (direction == Direction::kToServer) {
        trace_.bytes_to_server += bytes;
        return;
    }
    trace_.bytes_from_server += bytes;
    trace_.last_from_server = since_began();
    auto& reads = trace_.last_reads;
    if (reads.size() == ConnectionTrace::kMaxReads) reads.erase(reads.begin());
    reads.push_back(bytes);
}

void TraceLog::set_partial(Direction direction, std::optional<PartialRecord> partial) {
    const std::scoped_lock lock(mutex_);
    (direction == Direction::kToServer ? trace_.partial_to_server : trace_.partial_from_server) = partial;
}

void TraceLog::watch_socket(int fd) {
    const std::scoped_lock lock(mutex_);
    if (fd_ >= 0) trace_.tcp = tcp_state_of(fd_);
    fd_ = fd;
}

ConnectionTrace TraceLog::copy() const {
    const std::scoped_lock lock(mutex_);
    ConnectionTrace trace = trace_;
    trace.taken = since_began();
    if (fd_ >= 0) trace.tcp = tcp_state_of(fd_);
    return trace;
}

}  // namespace narrowgate::mqtt
