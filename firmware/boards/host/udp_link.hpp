// SPDX-License-Identifier: Apache-2.0
//
// A node's link that is a UDP socket of this machine, connected to the gateway.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>

#include "app/node.h"
#include "boards/host/file_descriptor.hpp"

namespace narrowgate::host {

// One direction.
struct Traffic {
    std::uint64_t datagrams = 0;
    std::uint64_t bytes = 0;  // of UDP payload

    void add(std::size_t size) {
        ++datagrams;
        bytes += size;
    }
    Traffic& operator+=(const Traffic& more) {
        datagrams += more.datagrams;
        bytes += more.bytes;
        return *this;
    }
};

// What a socket carried, apart by what the session was at.
struct LinkTraffic {
    Traffic handshake_up, handshake_down, up, down;
};

// The node that speaks through it is told by watch(). Thread: the node's.
class UdpLink {
public:
    // `address` in digits. Fails with a line that says why.
    static std::expected<UdpLink, std::string> open(const std::string& address, std::uint16_t port);

    static const nd_link& calls();
    int fd() const { return socket_.get(); }
    // Whose handshakes are counted apart; must outlive the link's use.
    void watch(const nd_node* node) { node_ = node; }
    // What came for a node that sleeps is lost.
    void drain();
    const LinkTraffic& traffic() const { return traffic_; }

private:
    explicit UdpLink(FileDescriptor socket) : socket_(std::move(socket)) {}

    bool receive();
    bool send(const std::uint8_t* bytes, std::size_t size);
    bool shakes_hands() const { return node_ != nullptr && node_->dtls.state == DT_HANDSHAKE; }

    FileDescriptor socket_;
    const nd_node* node_ = nullptr;
    sn_sending sending_ = SN_NOTHING;
    // One byte more than the node can take, so that a longer one is seen to be one.
    std::array<std::uint8_t, DT_DATAGRAM_BYTES + 1> in_{};
    std::size_t in_size_ = 0;
    LinkTraffic traffic_;
};

}  // namespace narrowgate::host
