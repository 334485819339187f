// SPDX-License-Identifier: Apache-2.0
#include "sim/modem_sockets.hpp"

#include <algorithm>

namespace narrowgate::sim {
namespace {

constexpr std::uint16_t kFirstDynamicPort = 49'152;

}  // namespace

bool ModemSockets::is_taken(std::uint16_t port) const {
    return std::ranges::any_of(sockets_,
                               [&](const Socket& socket) { return socket.open && socket.port == port; });
}

std::optional<unsigned> ModemSockets::open(std::uint16_t port, bool announces) {
    const auto free = std::ranges::find(sockets_, false, &Socket::open);
    if (free == sockets_.end() || port == kForbiddenPort || (port != 0 && is_taken(port)))
        return std::nullopt;
    // A port that was just in use is not given out again soon: the NAT's mapping is a new one.
    for (unsigned tries = 0; port == 0 || is_taken(port); ++tries) {
        if (tries > kSockets) return std::nullopt;
        port = next_port_;
        next_port_ =
            next_port_ == UINT16_MAX ? kFirstDynamicPort : static_cast<std::uint16_t>(next_port_ + 1);
    }
    *free = {.open = true, .announces = announces, .port = port, .waiting = {}, .bytes = 0};
    return static_cast<unsigned>(free - sockets_.begin());
}

bool ModemSockets::close(std::uint32_t socket) {
    if (!is_open(socket)) return false;
    closed_.push_back(sockets_[socket].port);
    sockets_[socket] = {};
    return true;
}

void ModemSockets::close_all() {
    for (unsigned socket = 0; socket < kSockets; ++socket)
        (void)close(socket);
}

bool ModemSockets::is_open(std::uint32_t socket) const {
    return socket < kSockets && sockets_[socket].open;
}

std::optional<ModemSockets::Notice> ModemSockets::deliver(std::uint16_t port, const Address& from,
                                                          ByteView datagram) {
    for (unsigned number = 0; number < kSockets; ++number) {
        Socket& socket = sockets_[number];
        if (!socket.open || socket.port != port) continue;
        if (datagram.size() > kBufferBytes - socket.bytes) {
            ++dropped_;
            return std::nullopt;
        }
        const bool was_empty = socket.waiting.empty();
        socket.waiting.push_back({from, Bytes(datagram.begin(), datagram.end())});
        socket.bytes += datagram.size();
        if (!socket.announces || (announcement_ != Announcement::kEach && !was_empty)) return std::nullopt;
        return Notice{number, datagram.size()};
    }
    return std::nullopt;
}

std::optional<ModemSockets::Part> ModemSockets::read(std::uint32_t number, std::size_t most) {
    Socket& socket = sockets_[number];
    if (socket.waiting.empty()) return std::nullopt;
    Waiting& first = socket.waiting.front();
    const std::size_t count = std::min(most, first.data.size());
    const auto end = first.data.begin() + static_cast<std::ptrdiff_t>(count);
    Part part{first.from, Bytes(first.data.begin(), end), 0};
    first.data.erase(first.data.begin(), end);
    first.begun = true;
    socket.bytes -= count;
    part.remaining = remaining_ == Remaining::kSocket ? socket.bytes : first.data.size();
    if (first.data.empty()) socket.waiting.pop_front();
    return part;
}

std::optional<ModemSockets::Notice> ModemSockets::next_notice(std::uint32_t number) const {
    const Socket& socket = sockets_[number];
    if (announcement_ != Announcement::kOneByOne || !socket.announces || socket.waiting.empty() ||
        socket.waiting.front().begun) {
        return std::nullopt;
    }
    return Notice{number, socket.waiting.front().data.size()};
}

}  // namespace narrowgate::sim
