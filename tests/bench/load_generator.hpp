// SPDX-License-Identifier: Apache-2.0
//
// Many nodes that ask as fast as they are answered: each has one confirmable POST of a SenML reading of about
// 50 bytes outstanding at all times (closed loop). All share one UDP socket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/node_socket.hpp"
#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/node_client.hpp"

namespace narrowgate::bench {

struct PhaseResult {
    std::uint64_t done = 0;         // handshakes, or readings acknowledged
    std::uint64_t other_codes = 0;  // answers that were no acknowledgement
    std::uint64_t retransmissions = 0;
    std::chrono::nanoseconds elapsed{};
    std::vector<std::chrono::nanoseconds> latencies;  // of readings, unsorted

    double per_second() const {
        return static_cast<double>(done) / std::chrono::duration<double>(elapsed).count();
    }
};

// Thread: its owner's.
class LoadGenerator {
public:
    // `gateway` must be an IPv4 address of this machine.
    static Expected<std::unique_ptr<LoadGenerator>> make(const Address& gateway);
    ~LoadGenerator();

    void add_node(const sim::NodeOptions& options);
    std::size_t nodes() const { return nodes_.size(); }

    // All nodes shake hands, at most `at_once` at a time. Fails when that takes longer than `limit`.
    Expected<PhaseResult> shake_hands(std::size_t at_once, seconds limit);
    // The first `active` nodes send readings, one after the other, for `duration`.
    PhaseResult send_readings(std::size_t active, milliseconds duration);

private:
    struct Node;
    explicit LoadGenerator(NodeSocket socket);

    // Receives what waits, for at most `wait`; `after` is called for each node that got a datagram.
    template <class After>
    void turn(milliseconds wait, After after);
    void put_out(Node& node);
    void advance_all(Now now);

    SystemClock clock_;
    NodeSocket socket_;
    std::vector<std::unique_ptr<Node>> nodes_;
    SteadyTime next_advance_{};
};

}  // namespace narrowgate::bench
