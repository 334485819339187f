// SPDX-License-Identifier: Apache-2.0
#include "bench/node_socket.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace narrowgate::bench {
namespace {

constexpr std::size_t kBatchDatagrams = 64;
constexpr int kSocketBufferBytes = 4 * 1024 * 1024;
// 127.1.0.0 and up: clear of 127.0.0.1, where others live.
constexpr std::uint32_t kFirstNodeAddress = 0x7f01'0000;

}  // namespace

// The arrays of one recvmmsg(2) or sendmmsg(2).
struct NodeSocket::Batch {
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

NodeSocket::NodeSocket() : in_(std::make_unique<Batch>()), out_(std::make_unique<Batch>()) {}
NodeSocket::~NodeSocket() = default;
NodeSocket::NodeSocket(NodeSocket&&) noexcept = default;

Expected<NodeSocket> NodeSocket::open(const Address& gateway) {
    NodeSocket made;
    made.fd_ = sim::FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int fd = made.fd_.get();
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
    Batch& out = *made.out_;
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
    return made;
}

void NodeSocket::send(std::uint32_t node, ByteView datagram) {
    Batch& out = *out_;
    const std::size_t size = std::min(datagram.size(), kDatagramBytes);
    std::copy_n(datagram.begin(), size, out.data[out.count].begin());
    out.parts[out.count].iov_len = size;
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(kFirstNodeAddress + node);
    std::memcpy(CMSG_DATA(CMSG_FIRSTHDR(&out.messages[out.count].msg_hdr)), &info, sizeof info);
    if (++out.count == kBatchDatagrams) flush();
}

void NodeSocket::flush() {
    Batch& out = *out_;
    std::size_t sent = 0;
    while (sent < out.count) {
        const int count =
            ::sendmmsg(fd_.get(), out.messages.data() + sent, static_cast<unsigned>(out.count - sent), 0);
        if (count > 0) {
            sent += static_cast<std::size_t>(count);
        } else if (errno == EAGAIN) {
            pollfd writable{fd_.get(), POLLOUT, 0};
            (void)::poll(&writable, 1, 100);
        } else if (errno != EINTR) {
            ++sent;  // lost, as UDP may lose it; CoAP sends it again
        }
    }
    out.count = 0;
}

void NodeSocket::receive(milliseconds wait,
                         const std::function<void(std::uint32_t node, ByteView datagram)>& take) {
    Batch& in = *in_;
    for (std::size_t i = 0; i < kBatchDatagrams; ++i) {
        in.messages[i].msg_hdr.msg_control = in.control[i].bytes.data();
        in.messages[i].msg_hdr.msg_controllen = in.control[i].bytes.size();
    }
    int count = ::recvmmsg(fd_.get(), in.messages.data(), kBatchDatagrams, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        pollfd readable{fd_.get(), POLLIN, 0};
        (void)::poll(&readable, 1, static_cast<int>(wait.count()));
        count = ::recvmmsg(fd_.get(), in.messages.data(), kBatchDatagrams, MSG_DONTWAIT, nullptr);
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(count, 0)); ++i) {
        const cmsghdr* control = CMSG_FIRSTHDR(&in.messages[i].msg_hdr);
        if (control == nullptr || control->cmsg_type != IP_PKTINFO) continue;
        in_pktinfo info;
        std::memcpy(&info, CMSG_DATA(control), sizeof info);
        const std::uint32_t node = ntohl(info.ipi_addr.s_addr) - kFirstNodeAddress;
        if (node < kMaxNodes) take(node, ByteView(in.data[i]).first(in.messages[i].msg_len));
    }
}

}  // namespace narrowgate::bench
