// SPDX-License-Identifier: Apache-2.0
//
// Wakes sessions that sleep: random ones of many post one reading each, a window of them at a time (closed
// loop). Each speaks from an address where the gateway has not seen it, as a node does whose NAT has
// forgotten it.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "bench/node_socket.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/record_state.hpp"

namespace narrowgate::bench {

struct WakeOptions {
    std::uint32_t sessions = 0;        // that there are, indices from 0
    std::uint32_t window = 1;          // at most half of them
    std::uint32_t numbers_from = 0;    // above every record number that these sessions have used
    milliseconds repeat_after{2'000};  // a request without an answer goes again, as a new record
    std::uint64_t seed = 0;
};

struct WakeResult {
    std::uint64_t changed = 0;   // 2.04: opened, and of the request that was sent
    std::uint64_t other = 0;     // any other answer to a request
    std::uint64_t unopened = 0;  // datagrams that are no record of the session that they were sent to
    std::uint64_t late = 0;      // answers to a request that had its answer
    std::uint64_t repeats = 0;
    std::uint32_t highest_number = 0;  // of any session
    std::optional<SteadyTime> first_answer;
    std::chrono::nanoseconds elapsed{};
};

// Thread: its owner's.
class SessionWaker {
public:
    // `socket` must outlive the waker.
    SessionWaker(const WakeOptions& options, NodeSocket& socket);

    // Until `requests` were answered, or `limit` is over.
    WakeResult wake(std::uint64_t requests, seconds limit);

private:
    // One request under way. Its place in the window is the address that it speaks from.
    struct Request {
        std::uint32_t session = 0;
        std::uint32_t number = 0;
        dtls::RecordState records;
        Bytes message;  // empty: none is under way
        SteadyTime sent;
    };

    void begin(std::uint32_t place, Now now);
    void put_out(std::uint32_t place, Now now);
    void repeat_late_ones(Now now);
    void take(std::uint32_t place, ByteView datagram, Now now);

    const WakeOptions options_;
    NodeSocket& socket_;
    SystemClock clock_;
    std::mt19937_64 random_;
    std::vector<std::uint32_t> next_number_;  // of each session
    std::vector<bool> awake_;                 // the sessions in the window
    std::vector<Request> window_;
    std::uint64_t to_begin_ = 0;
    SteadyTime next_look_{};
    WakeResult result_;
};

}  // namespace narrowgate::bench
