// SPDX-License-Identifier: Apache-2.0
//
// A UDP socket that moves datagrams in batches (recvmmsg(2), sendmmsg(2)) through buffers of fixed size, and
// knows both addresses of each: a reply leaves from the address that was asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::io {

inline constexpr int kReceiveBufferBytes = 4 * 1024 * 1024;

struct UdpOptions {
    Address listen;
    // Wanted size of the kernel's receive buffer: what arrives during a commit or a restart waits there. The
    // kernel gives at most net.core.rmem_max, and doubles it to pay for its own accounts: a datagram is
    // charged 832 to 2 304 bytes, so 4 MiB hold 3 600 to 10 000 of them. That is 1.8 s of 2 000 a second at
    // worst, and a restart takes less than one (docs/operating.md).
    int receive_buffer_bytes = kReceiveBufferBytes;
    // Joins the group of sockets that has this address (SO_REUSEPORT; udp_group.hpp).
    bool share_address = false;
};

// Counts since the socket was made.
struct UdpCounters {
    std::uint64_t received = 0;
    std::uint64_t oversized = 0;  // datagrams above kMaxDatagramBytes, dropped
    std::uint64_t sent = 0;
    std::uint64_t send_failures =
        0;  // datagrams that the kernel refused; UDP may lose them, so they are not kept
};

// Thread: its owner's.
class UdpSocket {
public:
    // No DTLS record of a node comes near this (its content is at most 2 048 bytes); not a limit on nodes.
    static constexpr std::size_t kMaxDatagramBytes = 4096;
    static constexpr std::size_t kBatch = 64;

    // Fails with words and a cure when the address is in use, not ours, or of a family the machine lacks.
    static Expected<UdpSocket> open(const UdpOptions& options);
    // Takes over one that open() made in an earlier process, with the datagrams that wait in it. Nothing when
    // it is no such socket.
    static std::optional<UdpSocket> adopt(FileDescriptor socket, int receive_buffer_bytes);
    ~UdpSocket();
    UdpSocket(UdpSocket&& other) noexcept;
    UdpSocket& operator=(UdpSocket&& other) noexcept;

    int fd() const;
    // The address that is bound, with the port that the kernel chose when 0 was asked for.
    const Address& local() const;
    // What the kernel gave of UdpOptions::receive_buffer_bytes, in the same terms.
    int receive_buffer_bytes() const;

    // Hands up to kBatch waiting datagrams to `take`; their bytes are valid during the call only. Returns
    // how many there were: kBatch means that more may wait.
    std::size_t receive(const std::function<void(ByteView datagram, const Path& path)>& take);

    // Copies a datagram to the batch that flush() sends; a full batch is sent at once. Datagrams above
    // kMaxDatagramBytes are a programming error.
    void send(const Path& path, ByteView datagram);
    void flush();

    const UdpCounters& counters() const;
    // Datagrams that the kernel dropped because the receive buffer was full, since the socket is open.
    std::uint64_t kernel_drops() const;

private:
    struct Impl;
    explicit UdpSocket(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrowgate::io
