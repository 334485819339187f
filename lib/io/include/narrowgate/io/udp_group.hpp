// SPDX-License-Identifier: Apache-2.0
//
// Several UDP sockets on one address, so that several threads can read it: the kernel gives each datagram to
// one of them, chosen by a byte of the datagram where it has one that says, and else by both addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "narrowgate/base/error.hpp"
#include "narrowgate/io/udp_socket.hpp"

namespace narrowgate::io {

// How a datagram says which socket it is for. All are bytes of UDP payload, counted from 0.
struct UdpSteering {
    std::uint8_t marked = 0;  // a first byte of this value: the datagram says it
    std::uint8_t key_at = 0;  // then it is for socket (byte key_at & key_mask) % sockets
    std::uint8_t key_mask = 0xff;
    std::size_t marked_bytes = 0;  // a marked datagram has at least so many bytes; a shorter one is dropped
    std::size_t other_bytes = 0;   // … and any other one so many
};

// Opens `count` sockets (at least one) on the address of `options`; port 0 is chosen once, for all. The
// kernel numbers them in the order of the result. Fails as UdpSocket::open() does, also when another program
// has the address already, even one of the same user that would share it.
//
// The kernel needs no privilege for this, but where it refuses to steer or to drop (a seccomp filter, say)
// the group works without: whoever reads must hand on what is not his, and survive what is too short. Keep
// all sockets open together: closing one gives its number to the last.
//
// `kept` are the first ones of a group on the same address, in order, from an earlier process. As many as are
// wanted are taken from its front, and the others opened. What is left in it is still a part of the group and
// still gets some datagrams: read it empty, and close it from its back.
Expected<std::vector<UdpSocket>> open_udp_group(const UdpOptions& options, std::size_t count,
                                                const UdpSteering& steering, std::vector<UdpSocket>& kept);
Expected<std::vector<UdpSocket>> open_udp_group(const UdpOptions& options, std::size_t count,
                                                const UdpSteering& steering);

}  // namespace narrowgate::io
