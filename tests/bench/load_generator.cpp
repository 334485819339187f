// SPDX-License-Identifier: Apache-2.0
#include "bench/load_generator.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace narrowgate::bench {
namespace {

constexpr std::size_t kBatchDatagrams = 64;
constexpr std::size_t kDatagramBytes = 2048;
constexpr int kSocketBufferBytes = 4 * 1024 * 1024;
// Retransmission timers are rare here: looking at all nodes this often costs next to nothing.
constexpr milliseconds kAdvanceEvery{50};
// 127.1.0.0 and up: clear of 127.0.0.1, where others live.
constexpr std::uint32_t kFirstNodeAddress = 0x7f01'0000;

}  // namespace

struct LoadGenerator::Node {
    Node(const sim::NodeOptions& options, std::uint64_t seed) : client(options, seed) {}

    sim::NodeClient client;
    in_addr address{};
    bool connecting = false;
    SteadyTime sent_at;
};

// The arrays of one recvmmsg(2) or sendmmsg(2).
struct LoadGenerator::Batch {
    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> bytes;
    };

    Batch() {
        for (std::size_t i = 0; i < kBatchDatagrams; ++i) {
            parts[i] = {data[i].data(), kDatagramBytes};
            msghdr& header = messages[i].msg_hdr;
            header.msg_iov = &parts[i];
            header.msg_iovlen = 1;
        }
    }

    std::array<mmsghdr, kBatchDatagrams> messages{};
    std::array<iovec, kBatchDatagrams> parts{};
    std::array<std::array<std::uint8_t, kDatagramBytes>, kBatchDatagrams> data{};
    std::array<Control, kBatchDatagrams> control{};
    sockaddr_storage peer{};
    std::size_t count = 0;
};

LoadGenerator::LoadGenerator(const Address& gateway)
    : gateway_(gateway), in_(std::make_unique<Batch>()), out_(std::make_unique<Batch>()) {}
LoadGenerator::~LoadGenerator() = default;

Expected<std::unique_ptr<LoadGenerator>> LoadGenerator::make(const Address& gateway) {
    auto generator = std::unique_ptr<LoadGenerator>(new LoadGenerator(gateway));
    generator->socket_ = sim::FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int fd = generator->socket_.get();
    const int on = 1;
    sockaddr_in any{};
    any.sin_family = AF_INET;
    if (fd < 0 || ::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0 ||
        ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
        return failure("UDP socket: " + system_message(errno));
    }
    // The kernel gives what net.core.rmem_max allows; the force variant works for root.
    for (const int option : {SO_RCVBUF, SO_SNDBUF, SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
        (void)::setsockopt(fd, SOL_SOCKET, option, &kSocketBufferBytes, sizeof kSocketBufferBytes);
    }
    Batch& out = *generator->out_;
    const socklen_t peer_bytes = gateway.to_sockaddr(out.peer, true);
    for (std::size_t i = 0; i < kBatchDatagrams; ++i) {
        msghdr& header = out.messages[i].msg_hdr;
        header.msg_name = &out.peer;
        header.msg_namelen = peer_bytes;
        header.msg_control = out.control[i].bytes.data();
        header.msg_controllen = out.control[i].bytes.size();
        cmsghdr* control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = IPPROTO_IP;
        control->cmsg_type = IP_PKTINFO;
        control->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    }
    return generator;
}

void LoadGenerator::add_node(const sim::NodeOptions& options) {
    auto node = std::make_unique<Node>(options, nodes_.size() + 1);
    node->address.s_addr = htonl(kFirstNodeAddress + static_cast<std::uint32_t>(nodes_.size()));
    nodes_.push_back(std::move(node));
}

void LoadGenerator::flush() {
    Batch& out = *out_;
    std::size_t sent = 0;
    while (sent < out.count) {
        const int count =
            ::sendmmsg(socket_.get(), out.messages.data() + sent, static_cast<unsigned>(out.count - sent), 0);
        if (count > 0) {
            sent += static_cast<std::size_t>(count);
        } else if (errno == EAGAIN) {
            pollfd writable{socket_.get(), POLLOUT, 0};
            (void)::poll(&writable, 1, 100);
        } else if (errno != EINTR) {
            ++sent;  // lost, as UDP may lose it; CoAP sends it again
        }
    }
    out.count = 0;
}

void LoadGenerator::put_out(Node& node) {
    Batch& out = *out_;
    while (auto datagram = node.client.next_datagram()) {
        const std::size_t size = std::min(datagram->size(), kDatagramBytes);
        std::copy_n(datagram->begin(), size, out.data[out.count].begin());
        out.parts[out.count].iov_len = size;
        in_pktinfo info{};
        info.ipi_spec_dst = node.address;
        std::memcpy(CMSG_DATA(CMSG_FIRSTHDR(&out.messages[out.count].msg_hdr)), &info, sizeof info);
        if (++out.count == kBatchDatagrams) flush();
    }
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
    flush();
}

template <class After>
void LoadGenerator::turn(milliseconds wait, After after) {
    Batch& in = *in_;
    for (std::size_t i = 0; i < kBatchDatagrams; ++i) {
        in.messages[i].msg_hdr.msg_control = in.control[i].bytes.data();
        in.messages[i].msg_hdr.msg_controllen = in.control[i].bytes.size();
    }
    int count = ::recvmmsg(socket_.get(), in.messages.data(), kBatchDatagrams, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        pollfd readable{socket_.get(), POLLIN, 0};
        (void)::poll(&readable, 1, static_cast<int>(wait.count()));
        count = ::recvmmsg(socket_.get(), in.messages.data(), kBatchDatagrams, MSG_DONTWAIT, nullptr);
    }
    const Now now = clock_.now();
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(count, 0)); ++i) {
        const cmsghdr* control = CMSG_FIRSTHDR(&in.messages[i].msg_hdr);
        if (control == nullptr || control->cmsg_type != IP_PKTINFO) continue;
        in_pktinfo info;
        std::memcpy(&info, CMSG_DATA(control), sizeof info);
        const std::uint32_t index = ntohl(info.ipi_addr.s_addr) - kFirstNodeAddress;
        if (index >= nodes_.size()) continue;
        Node& node = *nodes_[index];
        node.client.receive(ByteView(in.data[i]).first(in.messages[i].msg_len), now);
        after(node, now);
        put_out(node);
    }
    flush();
    advance_all(now);
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
    flush();
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
    flush();
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
