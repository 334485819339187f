// SPDX-License-Identifier: Apache-2.0
//
// One ingress thread: its sockets, its loop, its Ingress. Shards share nothing but immutable snapshots.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "daemon/ingress/ingress.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/io/udp_socket.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// A moment of a shard, for status.
struct ShardSnapshot {
    IngressCounters ingress;
    dtls::Counters dtls;
    io::UdpCounters udp;
    std::size_t sessions = 0;
    std::size_t handshakes = 0;
    std::uint64_t duplicates = 0;  // CoAP retransmissions that were recognised
};

// Thread: the one that made it, unless a call says otherwise. The store must outlive it.
class Shard {
public:
    // Opens the sockets; nothing is read from them before start().
    static Expected<std::unique_ptr<Shard>> open(const std::vector<Address>& listen,
                                                 const dtls::Options& options,
                                                 const CredentialDirectory& credentials, ByteView cookie_key,
                                                 std::shared_ptr<const Policies> policies,
                                                 store::Store& store, Log& log);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    // Only before start(): what the store has of this shard.
    Ingress& ingress();
    // Where it listens, with the ports that the kernel chose.
    std::vector<Address> addresses() const;

    void start();
    // Stops reading, waits at most `patience` until every commit in progress is answered, ends the thread.
    // Idempotent.
    void stop(milliseconds patience);

    // --- Thread: any, after start(). Each is carried out by the shard's thread, in order.
    void set_policies(std::shared_ptr<const Policies> policies);
    void end_sessions_of(std::vector<dtls::CredentialId> credentials);
    // Nothing when the shard does not answer within `patience`.
    std::optional<ShardSnapshot> snapshot(milliseconds patience);
    // Calls `beat` in the shard's thread: proof that its loop turns.
    void beat(std::function<void()> beat);

private:
    struct Impl;
    explicit Shard(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace narrowgate::daemon
