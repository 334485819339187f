// SPDX-License-Identifier: Apache-2.0
#include "sim/nat_process.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace narrowgate::sim {
namespace {

// Other tags are numbers of outside ports.
constexpr std::uint64_t kInsideTag = Poller::kLargestTag;

constexpr std::size_t kReceiveBytes = 4096;
// A storm of nodes must not be lost before the link has a say in it; the kernel gives what it allows.
constexpr int kReceiveBufferBytes = 4 << 20;

void send_to(const FileDescriptor& socket, const Address& to, ByteView datagram) {
    sockaddr_storage address{};
    const socklen_t size = to.to_sockaddr(address, to.is_v4());
    // What the kernel refuses is lost on the way, as on any link.
    (void)::sendto(socket.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address), size);
}

struct Received {
    Address from;
    ByteView datagram;
};

std::optional<Received> receive_from(const FileDescriptor& socket, MutableBytes buffer) {
    for (;;) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const ssize_t bytes = ::recvfrom(socket.get(), buffer.data(), buffer.size(), 0,
                                         reinterpret_cast<sockaddr*>(&address), &size);
        // ECONNREFUSED while the other end is down: for UDP it means nothing.
        if (bytes < 0 && (errno == ECONNREFUSED || errno == EINTR)) continue;
        if (bytes < 0) return std::nullopt;
        const auto from = Address::from_sockaddr(address);
        if (from) return Received{*from, buffer.first(static_cast<std::size_t>(bytes))};
    }
}

}  // namespace

NatProcess::NatProcess(const NatProcessOptions& options)
    : options_(options),
      nat_(options.nat, options.seed),
      address_(options.listen),
      outside_(std::size_t{options.nat.ports} + options.nat.foreign_ports) {}

Expected<FileDescriptor> NatProcess::open_socket(Address& address, std::uint64_t tag) {
    sockaddr_storage storage{};
    const bool v4 = address.is_v4();
    socklen_t size = address.to_sockaddr(storage, v4);
    FileDescriptor fresh(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)::setsockopt(fresh.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
    if (!fresh || ::bind(fresh.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 ||
        !poller_.watch(fresh.get(), tag)) {
        return failure(fmt::format("{}: {}", address.text(), system_message(errno)),
                       "choose another address, or raise the limit of open files (ulimit -n)");
    }
    size = sizeof storage;
    (void)::getsockname(fresh.get(), reinterpret_cast<sockaddr*>(&storage), &size);
    address = Address::from_sockaddr(storage).value_or(address);
    return fresh;
}

Expected<std::unique_ptr<NatProcess>> NatProcess::make(const NatProcessOptions& options) {
    if (options.listen.is_v4() != options.nat.gateway.is_v4()) {
        return failure(
            fmt::format("{} and {} are of two families", options.listen.text(), options.nat.gateway.text()),
            "make both IPv4 or both IPv6");
    }
    auto process = std::unique_ptr<NatProcess>(new NatProcess(options));
    if (auto opened = process->poller_.open({SIGTERM, SIGINT, SIGUSR1}); !opened)
        return std::unexpected(opened.error());
    auto inside = process->open_socket(process->address_, kInsideTag);
    if (!inside) return std::unexpected(inside.error());
    process->inside_ = std::move(*inside);
    if (!options.recording_path.empty()) {
        auto recording = RecordingWriter::create(options.recording_path);
        if (!recording) return std::unexpected(recording.error());
        process->recording_ = std::move(*recording);
    }
    return process;
}

// Nothing when no more sockets are to be had: then the datagram is lost.
NatProcess::Outside* NatProcess::outside(std::uint16_t number) {
    Outside& outside = outside_[number];
    if (!outside.socket) {
        Address address = options_.listen;
        address.port = 0;
        auto opened = open_socket(address, number);
        if (!opened) return nullptr;
        outside = {std::move(*opened), address.port};
    }
    return &outside;
}

void NatProcess::record(Recorded::Kind kind, Now now, const Address& inside, std::uint16_t port,
                        ByteView datagram) {
    if (recording_) recording_->write(kind, now.wall, inside, port, datagram);
}

void NatProcess::read_inside(Now now) {
    std::array<std::uint8_t, kReceiveBytes> buffer;
    while (const auto received = receive_from(inside_, buffer)) {
        const auto number = nat_.port_of(received->from);
        record(Recorded::Kind::kUp, now, received->from, number ? outside_[*number].port : std::uint16_t{0},
               received->datagram);
        nat_.from_inside(received->from, received->datagram, now.steady);
    }
}

void NatProcess::read_outside(std::uint16_t number, Now now) {
    std::array<std::uint8_t, kReceiveBytes> buffer;
    while (const auto received = receive_from(outside_[number].socket, buffer)) {
        if (received->from == options_.nat.gateway) {
            record(Recorded::Kind::kDown, now, nat_.holder_of(number).value_or(Address{}),
                   outside_[number].port, received->datagram);
        }
        nat_.from_outside(number, received->from, received->datagram, now.steady);
    }
}

// False when it is time to go.
bool NatProcess::read_signals(Now now) {
    bool goes_on = true;
    while (const auto signal = poller_.next_signal()) {
        if (*signal == SIGUSR1) {
            nat_.rebind_all(now.steady);
        } else {
            goes_on = false;
        }
    }
    return goes_on;
}

void NatProcess::deliver(Nat::Passage& passage, Now now) {
    if (passage.kind == Nat::Passage::Kind::kDown) {
        send_to(inside_, passage.inside, passage.datagram);
        return;
    }
    const Outside* from = outside(passage.port);
    if (!from) return;
    if (passage.opens_mapping) record(Recorded::Kind::kMapped, now, passage.inside, from->port, {});
    if (passage.kind == Nat::Passage::Kind::kReplay) {
        record(Recorded::Kind::kReplay, now, passage.inside, from->port, passage.datagram);
    }
    send_to(from->socket, options_.nat.gateway, passage.datagram);
}

Expected<void> NatProcess::run() {
    for (bool goes_on = true; goes_on;) {
        const auto ready = poller_.wait(nat_.next_deadline(), clock_.now().steady);
        const Now now = clock_.now();
        for (const std::uint64_t tag : ready) {
            if (tag == Poller::kSignals) {
                goes_on = read_signals(now);
            } else if (tag == kInsideTag) {
                read_inside(now);
            } else {
                read_outside(static_cast<std::uint16_t>(tag), now);
            }
        }
        while (auto passage = nat_.take(now.steady))
            deliver(*passage, now);
    }
    return recording_ ? recording_->close() : Expected<void>{};
}

}  // namespace narrowgate::sim
