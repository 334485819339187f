// SPDX-License-Identifier: Apache-2.0
//
// Both programs are classic BPF: instructions on a datagram's bytes, checked by the kernel when they are
// attached (Documentation/networking/filter.rst; socket(7), SO_ATTACH_FILTER and SO_ATTACH_REUSEPORT_CBPF).
#include "narrowgate/io/udp_group.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

namespace narrowgate::io {
namespace {

// A filter sees the UDP header in front of the payload, the choice among a group's sockets does not.
constexpr std::uint32_t kUdpHeaderBytes = 8;
// No socket has this number: the kernel chooses by both addresses.
constexpr std::uint32_t kKernelsChoice = 0xffffffff;
constexpr std::uint32_t kDrop = 0;
constexpr std::uint32_t kKeepWhole = 0xffffffff;

// The codes are 16 bits wide, but <linux/filter.h> composes them as int.
constexpr sock_filter step(int code, std::uint32_t operand, std::uint8_t when_true = 0,
                           std::uint8_t when_false = 0) {
    return {static_cast<std::uint16_t>(code), when_true, when_false, operand};
}

template <std::size_t N>
void attach(const UdpSocket& socket, int option, std::array<sock_filter, N> steps) {
    const sock_fprog program{static_cast<unsigned short>(N), steps.data()};
    (void)setsockopt(socket.fd(), SOL_SOCKET, option, &program, sizeof program);
}

// A load past the end ends the program with 0: a datagram that is too short for its key goes to the first
// socket, whose filter drops it.
void attach_choice(const UdpSocket& first, std::size_t count, const UdpSteering& steering) {
    attach(first, SO_ATTACH_REUSEPORT_CBPF,
           std::to_array({
               step(BPF_LD | BPF_B | BPF_ABS, 0),
               step(BPF_JMP | BPF_JEQ | BPF_K, steering.marked, 0, 4),
               step(BPF_LD | BPF_B | BPF_ABS, steering.key_at),
               step(BPF_ALU | BPF_AND | BPF_K, steering.key_mask),
               step(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(count)),
               step(BPF_RET | BPF_A, 0),
               step(BPF_RET | BPF_K, kKernelsChoice),
           }));
}

void attach_filter(const UdpSocket& socket, const UdpSteering& steering) {
    const auto with_header = [](std::size_t bytes) {
        return static_cast<std::uint32_t>(bytes) + kUdpHeaderBytes;
    };
    attach(socket, SO_ATTACH_FILTER,
           std::to_array({
               step(BPF_LD | BPF_B | BPF_ABS, kUdpHeaderBytes),
               step(BPF_JMP | BPF_JEQ | BPF_K, steering.marked, 0, 2),
               step(BPF_LD | BPF_W | BPF_LEN, 0),
               step(BPF_JMP | BPF_JGE | BPF_K, with_header(steering.marked_bytes), 2, 3),
               step(BPF_LD | BPF_W | BPF_LEN, 0),
               step(BPF_JMP | BPF_JGE | BPF_K, with_header(steering.other_bytes), 0, 1),
               step(BPF_RET | BPF_K, kKeepWhole),
               step(BPF_RET | BPF_K, kDrop),
           }));
}

}  // namespace

Expected<std::vector<UdpSocket>> open_udp_group(const UdpOptions& options, std::size_t count,
                                                const UdpSteering& steering, std::vector<UdpSocket>& kept) {
    std::vector<UdpSocket> group;
    const auto taken = static_cast<std::ptrdiff_t>(std::min(count, kept.size()));
    std::move(kept.begin(), kept.begin() + taken, std::back_inserter(group));
    kept.erase(kept.begin(), kept.begin() + taken);
    UdpOptions wanted = options;
    if (group.empty()) {
        // The first one binds alone, so that the address of another program is an error and not half ours.
        // Only then does it let others in.
        wanted.share_address = false;
        auto first = UdpSocket::open(wanted);
        if (!first) return std::unexpected(first.error());
        group.push_back(std::move(*first));
    }
    const int on = 1;
    if (count > 1 && setsockopt(group.front().fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
        return failure("cannot share " + options.listen.text() + " among threads: " + system_message(errno),
                       "set [dtls] shards to 1");
    }

    wanted.share_address = true;
    wanted.listen.port = group.front().local().port;
    while (group.size() < count) {
        auto next = UdpSocket::open(wanted);
        if (!next) return std::unexpected(next.error());
        group.push_back(std::move(*next));
    }
    if (count > 1 || !kept.empty()) attach_choice(group.front(), count, steering);
    for (const UdpSocket& socket : group)
        attach_filter(socket, steering);
    return group;
}

Expected<std::vector<UdpSocket>> open_udp_group(const UdpOptions& options, std::size_t count,
                                                const UdpSteering& steering) {
    std::vector<UdpSocket> kept;
    return open_udp_group(options, count, steering, kept);
}

}  // namespace narrowgate::io
