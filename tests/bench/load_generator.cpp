// SPDX-License-Identifier: Apache-2.0
#include "bench/load_generator.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace narrowgate::bench {
namespace {

// Retransmission timers are rare here: looking at all nodes this often costs next to nothing.
constexpr milliseconds kAdvanceEvery{50};

}  // namespace

struct LoadGenerator::Node {
    Node(const sim::NodeOptions& options, std::uint32_t at)
        : client(options, at + std::uint64_t{1}), index(at) {}

    sim::NodeClient client;
    std::uint32_t index;
    bool connecting = false;
    SteadyTime sent_at;
};

LoadGenerator::LoadGenerator(NodeSocket socket) : socket_(std::move(socket)) {}
LoadGenerator::~LoadGenerator() = default;

Expected<std::unique_ptr<LoadGenerator>> LoadGenerator::make(const Address& gateway) {
    auto socket = NodeSocket::open(gateway);
    if (!socket) return std::unexpected(socket.error());
    return std::unique_ptr<LoadGenerator>(new LoadGenerator(std::move(*socket)));
}

void LoadGenerator::add_node(const sim::NodeOptions& options) {
    const auto index = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back(std::make_unique<Node>(options, index));
}

void LoadGenerator::put_out(Node& node) {
    while (const auto datagram = node.client.next_datagram())
        socket_.send(node.index, *datagram);
}

void LoadGenerator::advance_all(Now now) {
    if (now.steady < next_advance_) return;
    next_advance_ = now.steady + kAdvanceEvery;
    for (const auto& node : nodes_) {
        const auto deadline = node->client.next_deadline();
        if (!deadline || *deadline > now.steady) continue;
        node->client.advance(now);
        put_out(*node);
    }
    socket_.flush();
}

template <class After>
void LoadGenerator::turn(milliseconds wait, After after) {
    std::optional<Now> now;  // one for a batch
    socket_.receive(wait, [&](std::uint32_t index, ByteView datagram) {
        if (index >= nodes_.size()) return;
        if (!now) now = clock_.now();
        Node& node = *nodes_[index];
        node.client.receive(datagram, *now);
        after(node, *now);
        put_out(node);
    });
    socket_.flush();
    advance_all(now ? *now : clock_.now());
}

Expected<PhaseResult> LoadGenerator::shake_hands(std::size_t at_once, seconds limit) {
    PhaseResult result;
    std::size_t begun = 0;
    const SteadyTime start = clock_.now().steady;
    const auto begin_next = [&](Now now) {
        if (begun == nodes_.size()) return;
        Node& node = *nodes_[begun++];
        node.connecting = true;
        node.client.connect(now);
        put_out(node);
    };
    for (std::size_t i = 0; i < at_once; ++i)
        begin_next(clock_.now());
    socket_.flush();
    while (result.done < nodes_.size()) {
        turn(kAdvanceEvery, [&](Node& node, Now now) {
            if (!node.connecting || !node.client.established()) return;
            node.connecting = false;
            (void)node.client.take_events();
            ++result.done;
            begin_next(now);
        });
        if (clock_.now().steady - start > limit) {
            return failure(
                fmt::format("{} of {} nodes shook hands in {}", result.done, nodes_.size(), to_words(limit)),
                "see the gateway's log");
        }
    }
    result.elapsed = clock_.now().steady - start;
    return result;
}

PhaseResult LoadGenerator::send_readings(std::size_t active, milliseconds duration) {
    PhaseResult result;
    const Now start = clock_.now();
    const SteadyTime stop = start.steady + duration;
    std::uint64_t retransmissions_before = 0;
    for (const auto& node : nodes_)
        retransmissions_before += node->client.counts().retransmissions;
    for (std::size_t i = 0; i < std::min(active, nodes_.size()); ++i) {
        Node& node = *nodes_[i];
        // One that is still outstanding from the phase before goes on.
        if (node.client.waiting() == 0) {
            node.client.measure(start);
            node.sent_at = start.steady;
        }
        put_out(node);
    }
    socket_.flush();
    while (clock_.now().steady < stop) {
        turn(kAdvanceEvery, [&](Node& node, Now now) {
            for (const sim::NodeEvent& event : node.client.take_events()) {
                if (event.kind == sim::NodeEvent::Kind::kRefused) ++result.other_codes;
                if (event.kind != sim::NodeEvent::Kind::kAcked) continue;
                ++result.done;
                result.latencies.push_back(now.steady - node.sent_at);
            }
            if (node.client.waiting() > 0) return;
            node.client.measure(now);
            node.sent_at = now.steady;
        });
    }
    result.elapsed = clock_.now().steady - start.steady;
    for (const auto& node : nodes_)
        result.retransmissions += node->client.counts().retransmissions;
    result.retransmissions -= retransmissions_before;
    return result;
}

}  // namespace narrowgate::bench
