// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/udp_socket.hpp"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace narrowgate::io {
namespace {

// Room for an in6_pktinfo, the larger of the two.
constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo));

// One direction's buffers: kBatch datagrams with their addresses, laid out once.
struct Batch {
    std::array<mmsghdr, UdpSocket::kBatch> messages{};
    std::array<iovec, UdpSocket::kBatch> vectors{};
    std::array<sockaddr_storage, UdpSocket::kBatch> remotes{};
    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, kControlBytes> bytes;
    };
    std::array<Control, UdpSocket::kBatch> controls{};
    // Not written to before use: what never holds a datagram takes no memory.
    std::array<std::array<std::uint8_t, UdpSocket::kMaxDatagramBytes>, UdpSocket::kBatch> buffers;

    void prepare(std::size_t i, std::size_t bytes, socklen_t name_bytes) {
        vectors[i] = {buffers[i].data(), bytes};
        messages[i] = {};
        messages[i].msg_hdr.msg_name = &remotes[i];
        messages[i].msg_hdr.msg_namelen = name_bytes;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = controls[i].bytes.data();
        messages[i].msg_hdr.msg_controllen = kControlBytes;
    }
};

bool is_link_local(const Address& address) {
    return address.ip[0] == 0xfe && (address.ip[1] & 0xc0) == 0x80;
}

Address local_address(const msghdr& header, const Address& bound) {
    Address local = bound;
    local.scope = 0;
    for (const cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(control))) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            local.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
            std::memcpy(local.ip.data() + 12, &info.ipi_addr, sizeof info.ipi_addr);
        } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            std::memcpy(local.ip.data(), &info.ipi6_addr, local.ip.size());
            if (is_link_local(local)) local.scope = info.ipi6_ifindex;
        }
    }
    return local;
}

// Makes the datagram leave from `local`; returns the control bytes used.
std::size_t set_source(msghdr& header, const Address& local, bool v4_socket) {
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    if (v4_socket) {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, local.ip.data() + 12, sizeof info.ipi_spec_dst);
        control->cmsg_level = IPPROTO_IP;
        control->cmsg_type = IP_PKTINFO;
        control->cmsg_len = CMSG_LEN(sizeof info);
        std::memcpy(CMSG_DATA(control), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, local.ip.data(), local.ip.size());
    info.ipi6_ifindex = local.scope;
    control->cmsg_level = IPPROTO_IPV6;
    control->cmsg_type = IPV6_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(control), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

bool switch_on(int fd, int level, int option) {
    const int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

Error bind_error(const Address& listen, int error_number) {
    const std::string what = "cannot listen on " + listen.text() + ": " + system_message(error_number);
    switch (error_number) {
        case EADDRINUSE:
            return {what,
                    "another program has this port (ss -lunp shows which): stop it, or change [dtls] listen"};
        case EADDRNOTAVAIL:
            return {what, "no interface of this machine has that address: change [dtls] listen"};
        case EACCES:
            return {what, "ports below 1024 need CAP_NET_BIND_SERVICE: use a higher port"};
        case EAFNOSUPPORT:
            return {what, "this machine has no IPv6: set [dtls] listen to \"0.0.0.0:5684\""};
        default:
            return {what, "change [dtls] listen"};
    }
}

// What every socket of ours has, whoever opened it.
bool prepare(int fd, bool v4, int receive_buffer_bytes) {
    // The kernel caps this silently; a smaller buffer costs datagrams under load, not correctness.
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    return v4 ? switch_on(fd, IPPROTO_IP, IP_PKTINFO) : switch_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
}

std::optional<Address> bound_address(int fd) {
    sockaddr_storage name{};
    socklen_t bytes = sizeof name;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &bytes) != 0) return std::nullopt;
    return Address::from_sockaddr(name);
}

}  // namespace

struct UdpSocket::Impl {
    FileDescriptor fd;
    bool v4 = false;
    Address local;
    UdpCounters counters;
    std::unique_ptr<Batch> in = std::make_unique_for_overwrite<Batch>();
    std::unique_ptr<Batch> out = std::make_unique_for_overwrite<Batch>();
    std::size_t queued = 0;
};

UdpSocket::UdpSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UdpSocket::~UdpSocket() = default;
UdpSocket::UdpSocket(UdpSocket&& other) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept = default;

Expected<UdpSocket> UdpSocket::open(const UdpOptions& options) {
    auto impl = std::make_unique<Impl>();
    impl->v4 = options.listen.is_v4();
    impl->fd =
        FileDescriptor(socket(impl->v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int fd = impl->fd.get();
    if (fd < 0) return std::unexpected(bind_error(options.listen, errno));

    const int off = 0;
    if (!prepare(fd, impl->v4, options.receive_buffer_bytes) ||
        (!impl->v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        (options.share_address && !switch_on(fd, SOL_SOCKET, SO_REUSEPORT))) {
        return std::unexpected(bind_error(options.listen, errno));
    }

    sockaddr_storage name{};
    const socklen_t name_bytes = options.listen.to_sockaddr(name, impl->v4);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&name), name_bytes) != 0) {
        return std::unexpected(bind_error(options.listen, errno));
    }
    const auto bound = bound_address(fd);
    if (!bound) return std::unexpected(bind_error(options.listen, errno));
    impl->local = *bound;
    return UdpSocket(std::move(impl));
}

std::optional<UdpSocket> UdpSocket::adopt(FileDescriptor socket, int receive_buffer_bytes) {
    const int fd = socket.get();
    int type = 0;
    int family = 0;
    socklen_t bytes = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0 || type != SOCK_DGRAM) return std::nullopt;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) != 0) return std::nullopt;
    const auto bound = bound_address(fd);
    if (!bound || !prepare(fd, family == AF_INET, receive_buffer_bytes)) return std::nullopt;
    auto impl = std::make_unique<Impl>();
    impl->v4 = family == AF_INET;
    impl->local = *bound;
    impl->fd = std::move(socket);
    return UdpSocket(std::move(impl));
}

int UdpSocket::fd() const {
    return impl_->fd.get();
}
const Address& UdpSocket::local() const {
    return impl_->local;
}
int UdpSocket::receive_buffer_bytes() const {
    int doubled = 0;  // socket(7), SO_RCVBUF
    socklen_t bytes = sizeof doubled;
    (void)getsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &doubled, &bytes);
    return doubled / 2;
}

const UdpCounters& UdpSocket::counters() const {
    return impl_->counters;
}

std::uint64_t UdpSocket::kernel_drops() const {
    std::array<std::uint32_t, SK_MEMINFO_VARS> information{};
    socklen_t bytes = sizeof information;
    if (getsockopt(impl_->fd.get(), SOL_SOCKET, SO_MEMINFO, information.data(), &bytes) != 0) return 0;
    return information[SK_MEMINFO_DROPS];
}

std::size_t UdpSocket::receive(const std::function<void(ByteView, const Path&)>& take) {
    Batch& batch = *impl_->in;
    for (std::size_t i = 0; i < kBatch; ++i)
        batch.prepare(i, kMaxDatagramBytes, sizeof(sockaddr_storage));
    const int count = recvmmsg(impl_->fd.get(), batch.messages.data(), kBatch, 0, nullptr);
    if (count <= 0) return 0;  // nothing waits, or an ICMP error of an earlier datagram: not ours to act on
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const mmsghdr& message = batch.messages[i];
        ++impl_->counters.received;
        if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            ++impl_->counters.oversized;
            continue;
        }
        const auto remote = Address::from_sockaddr(batch.remotes[i]);
        if (!remote) continue;
        take(ByteView(batch.buffers[i].data(), message.msg_len),
             Path{local_address(message.msg_hdr, impl_->local), *remote});
    }
    return static_cast<std::size_t>(count);
}

void UdpSocket::send(const Path& path, ByteView datagram) {
    if (datagram.size() > kMaxDatagramBytes) std::abort();
    if (impl_->v4 && !path.remote.is_v4()) {
        ++impl_->counters.send_failures;
        return;
    }
    if (impl_->queued == kBatch) flush();
    Batch& batch = *impl_->out;
    const std::size_t i = impl_->queued++;
    std::ranges::copy(datagram, batch.buffers[i].data());
    const socklen_t name_bytes = path.remote.to_sockaddr(batch.remotes[i], impl_->v4);
    batch.prepare(i, datagram.size(), name_bytes);
    batch.messages[i].msg_hdr.msg_controllen = set_source(batch.messages[i].msg_hdr, path.local, impl_->v4);
}

void UdpSocket::flush() {
    std::size_t done = 0;
    while (done < impl_->queued) {
        const int count = sendmmsg(impl_->fd.get(), impl_->out->messages.data() + done,
                                   static_cast<unsigned>(impl_->queued - done), 0);
        if (count <= 0) {
            // The first of the rest was refused; the others may still go.
            ++impl_->counters.send_failures;
            ++done;
            continue;
        }
        impl_->counters.sent += static_cast<std::uint64_t>(count);
        done += static_cast<std::size_t>(count);
    }
    impl_->queued = 0;
}

}  // namespace narrowgate::io
