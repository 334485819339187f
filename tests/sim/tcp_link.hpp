// SPDX-License-Identifier: Apache-2.0
//
// A bad link for TCP, on real sockets: it listens, opens a connection to the target for each that it accepts,
// and lets both streams pass through a StreamShaper each.
//
// A piece is a segment of its own: it is sent without Nagle's algorithm, and only when the kernel has sent
// the one before. Whether a reader also sees it as one read depends on how soon it reads: give it a gap.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/file_descriptor.hpp"
#include "sim/link.hpp"
#include "sim/poller.hpp"
#include "sim/stream_shaper.hpp"

namespace narrowgate::sim {

// One direction of all connections.
struct StreamPlan {
    StreamOptions options;  // `after_bytes` comes from `positions`
    // Of the accident, one a connection, in turn and from the first again after the last; empty: 0.
    std::vector<std::uint64_t> positions;
    // An accident that TCP itself is to suffer: segments with more payload than so many bytes are lost before
    // they arrive, each time that they are sent, and no ICMP message says so; 0: none are.
    std::uint32_t black_hole_above = 0;
    unsigned times = 0;  // connections, the first ones, that have an accident; 0: all

    bool strikes(std::uint64_t connection) const { return times == 0 || connection < times; }
    // Of the connection with this number, from 0.
    StreamOptions of(std::uint64_t connection) const;
};

struct TcpLinkPlan {
    StreamPlan up;    // to the target
    StreamPlan down;  // from it
};

struct TcpLinkOptions {
    Address listen;  // port 0: any that is free
    Address target;
    // Listens with a full backlog, so that the kernel drops each SYN: as a firewall that filters the port
    // does.
    bool filtered = false;
    std::uint64_t seed = 1;
    // Reads the flags of the command "options" into a plan.
    std::function<Expected<TcpLinkPlan>(const std::string& flags)> read_plan;
};

struct TcpLinkCounts {
    std::uint64_t accepted = 0;  // connections
    std::uint64_t refused = 0;   // by the target, so that they were reset
    StreamCounts up;
    StreamCounts down;
};

// Thread: its owner's.
class TcpLink {
public:
    // Opens the socket. SIGTERM and SIGINT must be blocked in the process.
    static Expected<std::unique_ptr<TcpLink>> make(const TcpLinkOptions& options, const TcpLinkPlan& plan);
    ~TcpLink();

    // Where it listens.
    const Address& address() const { return address_; }

    // Until SIGTERM or SIGINT. Obeys commands on standard input, a line each, and answers each with a line of
    // JSON on standard output:
    //   stall [up|down], resume [up|down]   of the present connections
    //   reset, close                        the present connections
    //   options FLAGS                       a new plan; connections count from 0 again
    //   counts
    void run();

    TcpLinkCounts counts() const;

private:
    struct Pair;
    struct Flow;

    TcpLink(const TcpLinkOptions& options, const TcpLinkPlan& plan);
    Expected<void> listen();
    Expected<void> fill_backlog();
    void accept();
    // One turn of a pair; false when it is over.
    bool turn(Pair& pair);
    bool move(Pair& pair, Flow& flow, SteadyTime now);
    static bool is_done(const Flow& flow);
    void watch(Pair& pair);
    static void count(const Pair& pair, TcpLinkCounts& counts);
    void read_commands();
    std::string obey(std::string_view line);

    const TcpLinkOptions options_;
    TcpLinkPlan plan_;
    SystemClock clock_;
    Address address_;
    Poller poller_;
    FileDescriptor listener_;
    std::vector<FileDescriptor> fillers_;  // connections of our own that fill the backlog
    std::vector<std::unique_ptr<Pair>> pairs_;
    std::uint64_t next_number_ = 0;  // of a connection of the present plan
    std::uint64_t seeds_drawn_ = 0;
    TcpLinkCounts counts_;  // of connections that are over
};

}  // namespace narrowgate::sim
