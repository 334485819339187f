// SPDX-License-Identifier: Apache-2.0
//
// One ingress thread: its sockets, its loop, its Ingress. Shards share nothing that changes; what one has for
// another goes through that one's loop (shards.hpp).
#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/ingress/ingress.hpp"
#include "daemon/ingress/stored_replies.hpp"
#include "narrowgate/dtls/shard_map.hpp"
#include "narrowgate/io/udp_socket.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// A moment of a shard, for status. Counts are since start.
struct ShardSnapshot {
    IngressCounters ingress;
    dtls::Counters dtls;
    io::UdpCounters udp;
    std::uint64_t kernel_drops = 0;  // datagrams for which the sockets had no room
    std::size_t sessions = 0;
    std::size_t handshakes = 0;
    std::size_t penalised = 0;             // sources whose handshakes are admitted at a lower rate
    std::uint64_t duplicates = 0;          // CoAP retransmissions that were recognised
    std::uint64_t handed_over = 0;         // datagrams that came here and belong to another shard
    std::uint64_t hand_overs_dropped = 0;  // … which could take no more
    std::map<std::string_view, PoolLoad> pools;
};

class ShardLoop;

// The other shards, as one of them sees them. Thread: any shard's.
class Neighbours {
public:
    virtual ~Neighbours() = default;

    // Copies a datagram to the shard it belongs to; false when that one can take no more now.
    virtual bool hand_over(std::uint8_t owner, const Path& path, ByteView datagram) = 0;
    // This shard has committed a session, or its confirmation.
    virtual void tell_others(std::uint8_t shard, const NewerSession& newer) = 0;
    // A rotation is complete: the credential is gone, everywhere.
    virtual void retired(store::CredentialId credential) = 0;
};

// Thread: the one that made it, unless a call says otherwise.
class Shard {
public:
    // What it is made of. Sockets: one for each address that is listened on, its index in each group being
    // options.shard. References must outlive the shard.
    struct Parts {
        dtls::Options options;
        std::vector<io::UdpSocket> sockets;
        const dtls::ShardMap& map;
        Neighbours& neighbours;
        dtls::EstablishmentOrder& order;
        const CredentialDirectory& credentials;
        ByteView cookie_key;  // 32 bytes, the same for all shards
        std::shared_ptr<const Policies> policies;
        store::Store& store;
        Log& log;
        AdmissionLimits admission{};                    // of this shard
        std::function<void(const Offence&)> offence{};  // called in the shard's thread
    };

    // Nothing is read from the sockets before start().
    static Expected<std::unique_ptr<Shard>> create(Parts parts);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    // Where it listens, with the ports that the kernel chose.
    std::vector<Address> addresses() const;

    // Before start(): sessions will be restored while nodes are answered, and until loaded() those that are
    // not here yet are looked for by way of `reader`, with their replies. `room`: how many sessions to make
    // room for. `replies` and `clock` must live until then.
    void load_from(std::unique_ptr<store::SessionReader> reader, StoredReplies& replies, std::size_t room,
                   const Clock& clock);

    void start();
    // Stops reading, so that nothing new begins. What is in progress goes on.
    void begin_stop();
    // The same; then waits until every commit in progress is answered, at most for `patience`, and ends the
    // thread. Idempotent.
    void stop(milliseconds patience);

    // --- Thread: any, after start(). Each is carried out by the shard's thread, in order; false or nothing
    // when it has too much to do already, or has stopped.

    // Takes a datagram that came to another shard.
    bool take(const Path& path, ByteView datagram);
    // `done` is called in the shard's thread with what became of the rows; restored[i] is rows[i].
    bool restore(std::vector<store::SessionRow>&& rows,
                 std::function<void(const std::vector<dtls::Restored>& restored)> done);
    // All sessions have been restored; `done` is called when the reader is gone.
    bool loaded(std::function<void()> done);
    bool set_policies(std::shared_ptr<const Policies> policies);
    bool end_sessions_of(std::vector<dtls::CredentialId> credentials);
    bool forget(std::shared_ptr<const std::vector<dtls::SessionId>> sessions);
    bool end_others(const NewerSession& newer);
    // Calls `look` in the shard's thread, between two turns.
    bool ask(std::function<void(const Ingress&)> look);
    // Calls `take` in the shard's thread with what its nodes have done since the last time.
    bool harvest(std::function<void(Activities&&)> take);
    // Nothing when the shard does not answer within `patience`.
    std::optional<ShardSnapshot> snapshot(milliseconds patience);
    // Calls `beat` in the shard's thread: proof that its loop turns.
    void beat(std::function<void()> beat);

    // The last harvest, after stop().
    Activities last_harvest();

private:
    explicit Shard(std::shared_ptr<ShardLoop> loop);

    // Shared with the store's sink, which may outlive the shard.
    std::shared_ptr<ShardLoop> loop_;
    std::jthread thread_;
    std::future<void> ended_;
};

}  // namespace narrowgate::daemon
