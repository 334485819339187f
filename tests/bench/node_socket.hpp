// SPDX-License-Identifier: Apache-2.0
//
// One UDP socket for many nodes: each speaks from an address of its own in 127.0.0.0/8, and all their
// datagrams move in batches (recvmmsg(2), sendmmsg(2)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "sim/file_descriptor.hpp"

namespace narrowgate::bench {

// Thread: its owner's.
class NodeSocket {
public:
    // Nodes 0 to kMaxNodes - 1 have addresses.
    static constexpr std::uint32_t kMaxNodes = 0x00fe'0000;
    static constexpr std::size_t kDatagramBytes = 2048;  // of the longest that is sent or received

    // `gateway` must be an IPv4 address of this machine.
    static Expected<NodeSocket> open(const Address& gateway);
    ~NodeSocket();
    NodeSocket(NodeSocket&&) noexcept;
    NodeSocket& operator=(NodeSocket&&) = delete;

    // From `node` to the gateway, at flush() or when enough is gathered. What exceeds kDatagramBytes is cut
    // off.
    void send(std::uint32_t node, ByteView datagram);
    void flush();
    // Waits at most `wait` for datagrams and hands over those that are there, a batch at most. The bytes are
    // valid during the call.
    void receive(milliseconds wait, const std::function<void(std::uint32_t node, ByteView datagram)>& take);

private:
    struct Batch;
    NodeSocket();

    sim::FileDescriptor fd_;
    std::unique_ptr<Batch> in_, out_;
};

}  // namespace narrowgate::bench
