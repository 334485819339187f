// SPDX-License-Identifier: Apache-2.0
#include "sim/node_fleet.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "sim/counts_json.hpp"

namespace narrowgate::sim {
namespace {

// More than any datagram the gateway may send (P6), so that a longer one is seen and counted by the link.
constexpr std::size_t kReceiveBytes = 4096;

nlohmann::json to_json(const Traffic& up, const Traffic& down) {
    return {{"datagrams_up", up.datagrams},
            {"datagrams_down", down.datagrams},
            {"udp_payload_bytes_up", up.udp_payload_bytes},
            {"udp_payload_bytes_down", down.udp_payload_bytes},
            {"bytes_on_air_up", up.bytes_on_air()},
            {"bytes_on_air_down", down.bytes_on_air()}};
}

void add(Traffic& sum, const Traffic& part) {
    sum.datagrams += part.datagrams;
    sum.udp_payload_bytes += part.udp_payload_bytes;
}

std::string_view word(NodeEvent::Kind kind) {
    switch (kind) {
        case NodeEvent::Kind::kEstablished:
            return "established";
        case NodeEvent::Kind::kSent:
            return "sent";
        case NodeEvent::Kind::kAcked:
            return "acked";
        case NodeEvent::Kind::kRefused:
            return "refused";
        case NodeEvent::Kind::kGivenUp:
            break;
    }
    return "given-up";
}

}  // namespace

struct NodeFleet::Node {
    Node(const NodeOptions& options, const LinkOptions& link_options, std::size_t its_index,
         std::uint64_t seed)
        : index(its_index), client(options, seed), link(link_options, ~seed) {}

    const std::size_t index;
    NodeClient client;
    Link link;
    FileDescriptor socket;
    std::uint64_t made = 0;
    SteadyTime next_reading;
    std::optional<SteadyTime> next_rebind;
    std::optional<SteadyTime> deadline;  // its place in deadlines_
    bool begun = false;
};

NodeFleet::NodeFleet(const FleetOptions& options) : options_(options), random_(options.seed) {}
NodeFleet::~NodeFleet() = default;

Expected<std::unique_ptr<NodeFleet>> NodeFleet::make(const FleetOptions& options,
                                                     const std::vector<Identity>& identities) {
    auto fleet = std::unique_ptr<NodeFleet>(new NodeFleet(options));
    if (auto opened = fleet->poller_.open({SIGTERM, SIGINT}); !opened) return std::unexpected(opened.error());
    if (!options.events_path.empty()) {
        fleet->events_.open(options.events_path, std::ios::trunc);
        if (!fleet->events_) {
            return failure(options.events_path + ": cannot be written", "choose another path for --events");
        }
    }
    const auto without_cid =
        static_cast<std::size_t>(options.without_cid * static_cast<double>(identities.size()));
    for (const Identity& identity : identities) {
        const std::size_t index = fleet->nodes_.size();
        NodeOptions node = options.node;
        node.dtls.identity = identity.name;
        node.dtls.psk = identity.psk;
        node.dtls.connection_id = index >= without_cid;
        node.dtls.own_cid.resize(index % (options.longest_own_cid + 1));
        std::ranges::generate(node.dtls.own_cid, [&] { return static_cast<std::uint8_t>(fleet->random_()); });
        fleet->nodes_.push_back(std::make_unique<Node>(node, options.link, index, fleet->random_()));
        if (auto opened = fleet->open_socket(*fleet->nodes_.back()); !opened) {
            return std::unexpected(opened.error());
        }
    }
    return fleet;
}

Expected<void> NodeFleet::open_socket(Node& node) {
    sockaddr_storage gateway{};
    const bool v4 = options_.gateway.is_v4();
    const socklen_t size = options_.gateway.to_sockaddr(gateway, v4);
    FileDescriptor fresh(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fresh || ::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&gateway), size) != 0 ||
        !poller_.watch(fresh.get(), node.index)) {
        return failure(fmt::format("socket {}: {}", node.index + 1, system_message(errno)),
                       "raise the limit of open files (ulimit -n) or lower --nodes");
    }
    node.socket = std::move(fresh);
    return {};
}

void NodeFleet::read_socket(Node& node, Now now) {
    std::array<std::uint8_t, kReceiveBytes> buffer;
    for (;;) {
        const ssize_t size = ::recv(node.socket.get(), buffer.data(), buffer.size(), 0);
        // ECONNREFUSED while the gateway is down: for UDP it means nothing.
        if (size < 0 && (errno == ECONNREFUSED || errno == EINTR)) continue;
        if (size < 0) return;
        node.link.send(Direction::kDown, ByteView(buffer).first(static_cast<std::size_t>(size)), now.steady);
    }
}

void NodeFleet::pump(Node& node, Now now) {
    while (auto datagram = node.link.take(Direction::kDown, now.steady))
        node.client.receive(*datagram, now);
    while (auto datagram = node.client.next_datagram())
        node.link.send(Direction::kUp, *datagram, now.steady);
    while (auto datagram = node.link.take(Direction::kUp, now.steady)) {
        // What the kernel refuses is lost on the way, as on any link.
        (void)::send(node.socket.get(), datagram->data(), datagram->size(), MSG_NOSIGNAL);
    }
}

void NodeFleet::turn(Node& node, Now now) {
    if (!node.begun && now.steady >= node.next_reading) {
        node.begun = true;
        node.client.connect(now);
    }
    const bool more = making_readings_ && (options_.readings == 0 || node.made < options_.readings);
    if (more && now.steady >= node.next_reading) {
        node.client.measure(now);
        ++node.made;
        node.next_reading += options_.interval;
    }
    if (node.next_rebind && now.steady >= *node.next_rebind) {
        // The old socket stays when no new one is to be had: a node that keeps its address is no error.
        (void)open_socket(node);
        const double mean = static_cast<double>(options_.rebind_every->count());
        const double wait = std::exponential_distribution(1 / mean)(random_);
        node.next_rebind = now.steady + milliseconds(static_cast<milliseconds::rep>(wait) + 1);
    }
    node.client.advance(now);
    pump(node, now);
    write_events(node, now);
    reschedule(node);
}

void NodeFleet::reschedule(Node& node) {
    if (node.deadline) deadlines_.erase({*node.deadline, node.index});
    node.deadline.reset();
    const auto consider = [&](std::optional<SteadyTime> at) {
        if (at) node.deadline = node.deadline ? std::min(*node.deadline, *at) : at;
    };
    const bool more = making_readings_ && (options_.readings == 0 || node.made < options_.readings);
    if (more) consider(node.next_reading);
    consider(node.next_rebind);
    consider(node.client.next_deadline());
    consider(node.link.next_arrival());
    if (node.deadline) deadlines_.emplace(*node.deadline, node.index);
}

void NodeFleet::write_events(Node& node, Now now) {
    for (const NodeEvent& event : node.client.take_events()) {
        if (!events_.is_open()) continue;
        const auto ago = std::chrono::duration_cast<std::chrono::microseconds>(now.steady - event.at);
        events_ << fmt::format(R"({{"event":"{}","device":{},"seq":{},"code":{},"at_us":{}}})",
                               word(event.kind), nlohmann::json(node.client.identity()).dump(),
                               event.sequence, event.code, (now.wall - ago).time_since_epoch().count())
                << '\n';
    }
}

void NodeFleet::report(Now now, bool final) {
    NodeCounts sum;
    std::array<LinkCounts, 2> link;
    std::size_t established = 0, with_cid = 0, waiting = 0;
    for (const auto& node : nodes_) {
        const NodeCounts& counts = node->client.counts();
        established += node->client.established();
        with_cid += node->client.has_connection_id();
        waiting += node->client.waiting();
        sum.handshakes_started += counts.handshakes_started;
        sum.handshakes += counts.handshakes;
        sum.handshakes_failed += counts.handshakes_failed;
        sum.sent += counts.sent;
        sum.acked += counts.acked;
        sum.refused += counts.refused;
        sum.deferred += counts.deferred;
        sum.given_up += counts.given_up;
        sum.retransmissions += counts.retransmissions;
        add(sum.handshake_up, counts.handshake_up);
        add(sum.handshake_down, counts.handshake_down);
        add(sum.reading_up, counts.reading_up);
        add(sum.reading_down, counts.reading_down);
        link[0] += node->link.counts(Direction::kUp);
        link[1] += node->link.counts(Direction::kDown);
    }
    nlohmann::json json{{"seconds", std::chrono::duration<double>(now.steady - started_).count()},
                        {"nodes", nodes_.size()},
                        {"established", established},
                        {"with_connection_id", with_cid},
                        {"handshakes_started", sum.handshakes_started},
                        {"handshakes", sum.handshakes},
                        {"handshakes_failed", sum.handshakes_failed},
                        {"sent", sum.sent},
                        {"acked", sum.acked},
                        {"refused", sum.refused},
                        {"deferred", sum.deferred},
                        {"given_up", sum.given_up},
                        {"retransmissions", sum.retransmissions},
                        {"waiting", waiting},
                        {"handshake_traffic", to_json(sum.handshake_up, sum.handshake_down)},
                        {"reading_traffic", to_json(sum.reading_up, sum.reading_down)},
                        {"final", final}};
    json["link_up"] = to_json(link[0]);
    json["link_down"] = to_json(link[1]);
    fmt::print("{}\n", json.dump());
    std::fflush(stdout);
    events_.flush();
}

bool NodeFleet::all_done() const {
    const bool made_all = !making_readings_ || options_.readings > 0;
    return made_all && std::ranges::all_of(nodes_, [&](const auto& node) {
               return (!making_readings_ || node->made == options_.readings) && node->client.waiting() == 0;
           });
}

bool NodeFleet::run() {
    started_ = clock_.now().steady;
    for (const auto& node : nodes_) {
        // Spread over one interval, so that the fleet does not speak in chorus.
        const auto spread =
            std::uniform_int_distribution<milliseconds::rep>(0, options_.interval.count())(random_);
        node->next_reading = started_ + milliseconds(spread);
        if (options_.rebind_every) {
            const auto first =
                std::uniform_int_distribution<milliseconds::rep>(0, options_.rebind_every->count())(random_);
            node->next_rebind = started_ + milliseconds(first);
        }
        reschedule(*node);
    }
    SteadyTime next_report = started_ + options_.report_interval;
    SteadyTime stop_making = options_.duration ? started_ + *options_.duration : SteadyTime::max();
    SteadyTime give_up = SteadyTime::max();

    for (;;) {
        SteadyTime wake = next_report;
        if (!deadlines_.empty()) wake = std::min(wake, deadlines_.begin()->first);
        wake = std::min(wake, stop_making);
        const auto ready = poller_.wait(wake, clock_.now().steady);
        const Now now = clock_.now();
        for (const std::uint64_t tag : ready) {
            if (tag == Poller::kSignals) {
                while (poller_.next_signal())
                    stop_making = now.steady;
                continue;
            }
            read_socket(*nodes_[tag], now);
            turn(*nodes_[tag], now);
        }
        while (!deadlines_.empty() && deadlines_.begin()->first <= now.steady) {
            turn(*nodes_[deadlines_.begin()->second], now);
        }
        if (now.steady >= stop_making) {
            if (making_readings_) give_up = now.steady + options_.drain;
            making_readings_ = false;
            stop_making = SteadyTime::max();
        }
        const bool over = all_done() || now.steady >= give_up;
        if (over || now.steady >= next_report) {
            report(now, over);
            next_report = now.steady + options_.report_interval;
        }
        if (over) return all_done();
    }
}

}  // namespace narrowgate::sim
