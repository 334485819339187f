// SPDX-License-Identifier: Apache-2.0
//
// What a shard's thread does: reads its sockets and what other shards hand over, keeps its timer, and drains
// when it is told to stop. Private to shard.cpp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "daemon/ingress/disk_shelves.hpp"
#include "daemon/ingress/shard.hpp"
#include "narrowgate/io/channel.hpp"
#include "narrowgate/io/event_loop.hpp"

namespace narrowgate::daemon {

// A datagram that came to another shard.
struct HandedOver {
    Path path;
    Bytes datagram;
};

// Thread: the shard's from run() on, but for `loop`'s and `handed_over`'s calls that any thread may make.
class ShardLoop {
public:
    // What other shards may have waiting here: at 512 bytes each 2 MB, and some tens of milliseconds of work.
    static constexpr std::size_t kMaxHandedOver = 4096;

    ShardLoop(std::unique_ptr<io::EventLoop> its_loop, io::Channel<HandedOver> its_channel,
              Shard::Parts&& parts);

    ShardLoop(const ShardLoop&) = delete;
    ShardLoop& operator=(const ShardLoop&) = delete;

    // Before run(), and what ends it; see Shard.
    void load_from(std::unique_ptr<store::SessionReader> reader, StoredReplies& replies, std::size_t room,
                   const Clock& clock);
    std::vector<dtls::Restored> restore(std::vector<store::SessionRow>&& rows);
    void loaded();

    void run();
    void on_completions(std::span<const store::Completion> completions);
    // Stops reading, and ends the loop as soon as nothing is in progress.
    void drain();
    // After anything that may have made the ingress send, or changed when it is due.
    void finish_turn();

    Ingress& ingress() { return ingress_; }
    const std::vector<io::UdpSocket>& sockets() const { return sockets_; }
    ShardSnapshot snapshot() const;

    const std::unique_ptr<io::EventLoop> loop;
    io::Channel<HandedOver> handed_over;
    store::SinkId sink = 0;  // where the store tells of this shard's units; set before run()

private:
    Ingress::Outside outside(std::function<void(const Offence&)> offence);
    void on_readable(io::UdpSocket& socket);
    void on_handed_over();
    void on_deadline();
    void dispatch(const Path& path, ByteView datagram, Now now);
    void send(const Path& path, ByteView datagram);
    void arm();

    std::vector<io::UdpSocket> sockets_;
    store::Store& store_;
    const std::uint8_t shard_;
    const dtls::ShardMap& map_;
    Neighbours& neighbours_;
    std::unique_ptr<DiskSessionShelf> shelf_;  // while sessions are being loaded, like the next
    StoredReplies* replies_ = nullptr;
    Ingress ingress_;
    std::vector<HandedOver> batch_;
    std::vector<io::Source> readable_;
    io::Source deadline_;
    bool draining_ = false;
    std::uint64_t handed_over_ = 0;
    std::uint64_t hand_overs_dropped_ = 0;
};

}  // namespace narrowgate::daemon
