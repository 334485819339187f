// SPDX-License-Identifier: Apache-2.0
#include "boards/host/udp_link.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace narrowgate::host {

std::expected<UdpLink, std::string> UdpLink::open(const std::string& address, std::uint16_t port) {
    sockaddr_in gateway{};
    gateway.sin_family = AF_INET;
    gateway.sin_port = htons(port);
    if (::inet_pton(AF_INET, address.c_str(), &gateway.sin_addr) != 1)
        return std::unexpected(address + ": no IPv4 address");
    FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&gateway), sizeof gateway) != 0) {
        return std::unexpected("a socket to " + address + ": " + std::strerror(errno) +
                               " (ulimit -n is the most of them)");
    }
    return UdpLink(std::move(socket));
}

bool UdpLink::receive() {
    for (;;) {
        const ssize_t size = ::recv(socket_.get(), in_.data(), in_.size(), 0);
        // ECONNREFUSED while the gateway is down: for UDP it means nothing.
        if (size < 0 && (errno == ECONNREFUSED || errno == EINTR)) continue;
        if (size < 0) return false;
        (shakes_hands() ? traffic_.handshake_down : traffic_.down).add(static_cast<std::size_t>(size));
        in_size_ = static_cast<std::size_t>(size);
        if (in_size_ > 0 && in_size_ <= DT_DATAGRAM_BYTES) return true;
        in_size_ = 0;
    }
}

bool UdpLink::send(const std::uint8_t* bytes, std::size_t size) {
    (shakes_hands() ? traffic_.handshake_up : traffic_.up).add(size);
    // What the kernel refuses is lost on the way, as on any link.
    (void)::send(socket_.get(), bytes, size, MSG_NOSIGNAL);
    sending_ = SN_SENT;
    return true;
}

void UdpLink::drain() {
    while (receive()) {
    }
    in_size_ = 0;
}

const nd_link& UdpLink::calls() {
    static constexpr nd_link kCalls{
        .start = [](void*, std::int32_t) {},
        .step =
            [](void* self) {
                auto& link = *static_cast<UdpLink*>(self);
                if (link.in_size_ == 0) (void)link.receive();
                return PORT_NEVER;
            },
        .is_ready = [](const void*) { return true; },
        .is_quiet = [](const void* self) { return static_cast<const UdpLink*>(self)->in_size_ == 0; },
        .send = [](void* self, const std::uint8_t* bytes, std::size_t size,
                   sn_release) { return static_cast<UdpLink*>(self)->send(bytes, size); },
        .sending = [](const void* self) { return static_cast<const UdpLink*>(self)->sending_; },
        .sending_seen = [](void* self) { static_cast<UdpLink*>(self)->sending_ = SN_NOTHING; },
        .received = [](const void* self, std::size_t* size) -> const std::uint8_t* {
            const auto& link = *static_cast<const UdpLink*>(self);
            *size = link.in_size_;
            return link.in_size_ == 0 ? nullptr : link.in_.data();
        },
        .received_seen = [](void* self) { static_cast<UdpLink*>(self)->in_size_ = 0; },
        .look = [](void*) {},
        .kept = [](const void*) { return std::int32_t{SN_NO_SOCKET}; },
    };
    return kCalls;
}

}  // namespace narrowgate::host
