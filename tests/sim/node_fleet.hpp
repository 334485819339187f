// SPDX-License-Identifier: Apache-2.0
//
// Many nodes in one process, each behind its own simulated link and with its own UDP socket to the gateway.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/file_descriptor.hpp"
#include "sim/identities.hpp"
#include "sim/link.hpp"
#include "sim/node_client.hpp"
#include "sim/poller.hpp"

namespace narrowgate::sim {

struct FleetOptions {
    Address gateway;
    NodeOptions node;  // identity and key are each node's own
    LinkOptions link;
    milliseconds interval{5'000};              // between a node's readings
    double without_cid = 0;                    // fraction of the nodes that offer no connection ID
    std::size_t longest_own_cid = 0;           // nodes have own connection IDs of 0 to so many bytes, in turn
    std::uint64_t readings = 0;                // a node, then it is done; 0 is no limit
    std::optional<milliseconds> duration;      // of making readings; none is until a signal
    milliseconds drain{60'000};                // longest wait for acknowledgements after that
    std::optional<milliseconds> rebind_every;  // mean time between a node's changes of its own address
    milliseconds report_interval{1'000};
    std::string events_path;  // one JSON line for each reading sent, acked, refused; none when empty
    std::uint64_t seed = 1;
};

// Thread: its owner's.
class NodeFleet {
public:
    ~NodeFleet();

    static Expected<std::unique_ptr<NodeFleet>> make(const FleetOptions& options,
                                                     const std::vector<Identity>& identities);

    // Runs until SIGTERM, SIGINT (both must be blocked in the process), the duration's end, or all readings
    // are acknowledged; then waits for what is still on the way. Prints a JSON line of totals each
    // report_interval and a last one with "final". True when every reading sent was acknowledged.
    bool run();

private:
    struct Node;
    explicit NodeFleet(const FleetOptions& options);

    Expected<void> open_socket(Node& node);
    void turn(Node& node, Now now);
    void pump(Node& node, Now now);
    void read_socket(Node& node, Now now);
    void write_events(Node& node, Now now);
    void reschedule(Node& node);
    void report(Now now, bool final);
    bool all_done() const;

    const FleetOptions options_;
    std::mt19937_64 random_;
    SystemClock clock_;
    Poller poller_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::set<std::pair<SteadyTime, std::size_t>> deadlines_;
    std::ofstream events_;
    SteadyTime started_;
    bool making_readings_ = true;
};

}  // namespace narrowgate::sim
