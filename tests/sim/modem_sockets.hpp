// SPDX-License-Identifier: Apache-2.0
//
// The UDP sockets inside a SARA-N2: a table of seven, each with a small buffer of what has come.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "sim/modem_options.hpp"

namespace narrowgate::sim {

// Thread: its owner's.
class ModemSockets {
public:
    static constexpr unsigned kSockets = 7;
    static constexpr std::uint16_t kForbiddenPort = 5683;  // the module keeps it for itself
    static constexpr std::size_t kDatagramBytes = 512;     // that one +NSOST or +NSORF can carry
    static constexpr std::size_t kBufferBytes = 4'000;     // that wait at most; what comes on top is dropped

    struct Part {
        Address from;
        Bytes data;
        std::size_t remaining;
    };
    struct Notice {  // what +NSONMI says
        unsigned socket;
        std::size_t bytes;
    };

    explicit ModemSockets(const ModemManners& manners)
        : announcement_(manners.announcement), remaining_(manners.remaining) {}

    // The lowest free one. Port 0: one of the module's choice. Nothing when none is free or the port is
    // forbidden or taken.
    std::optional<unsigned> open(std::uint16_t port, bool announces);
    // False when it was not open.
    bool close(std::uint32_t socket);
    void close_all();
    bool is_open(std::uint32_t socket) const;
    // The ports of those that were closed since the last call.
    std::vector<std::uint16_t> take_closed() { return std::exchange(closed_, {}); }
    // Of an open one.
    std::uint16_t port(std::uint32_t socket) const { return sockets_[socket].port; }

    // A datagram that came to `port`: into the buffer, if there is a socket and room.
    std::optional<Notice> deliver(std::uint16_t port, const Address& from, ByteView datagram);
    // At most `most` bytes of the oldest datagram, of an open socket; what is left of it stays. Nothing when
    // none waits.
    std::optional<Part> read(std::uint32_t socket, std::size_t most);
    // What read() has made due, under Announcement::kOneByOne.
    std::optional<Notice> next_notice(std::uint32_t socket) const;

    std::uint64_t dropped() const { return dropped_; }  // datagrams, for want of room

private:
    struct Waiting {
        Address from;
        Bytes data;
        bool begun = false;  // part of it has been read
    };
    struct Socket {
        bool open = false;
        bool announces = true;
        std::uint16_t port = 0;
        std::deque<Waiting> waiting;
        std::size_t bytes = 0;
    };

    bool is_taken(std::uint16_t port) const;

    const Announcement announcement_;
    const Remaining remaining_;
    std::array<Socket, kSockets> sockets_;
    std::vector<std::uint16_t> closed_;
    std::uint16_t next_port_ = 49'152;  // the first of the dynamic ports (RFC 6335 section 6)
    std::uint64_t dropped_ = 0;
};

}  // namespace narrowgate::sim
