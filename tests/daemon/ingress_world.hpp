// SPDX-License-Identifier: Apache-2.0
//
// A gateway, its journal and its nodes in virtual time: the real Ingress of each shard with all rooms behind
// it, real mbedTLS nodes behind simulated links and a NAT, and a journal in memory. Whatever nodes and
// strangers do, no line of the log is theirs above debug (P5): each world ends with a look.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/devices/credential_directory.hpp"
#include "daemon/ingress/ingress.hpp"
#include "daemon/memory_journal.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/recorded_log.hpp"
#include "narrowgate/dtls/shard_map.hpp"
#include "sim/nat.hpp"
#include "sim/node_client.hpp"
#include "sim/recording.hpp"

namespace narrowgate::daemon::testing {

// Handshakes whose lost flights are sent again after a second: RFC 7925 section 11 says nine.
inline sim::NodeOptions quick_node() {
    sim::NodeOptions options;
    options.dtls.handshake_timeout_min = seconds(1);
    options.dtls.handshake_timeout_max = seconds(8);
    options.retry_after = seconds(1);
    return options;
}
inline dtls::Options quick_gateway() {
    dtls::Options options;
    options.handshake_timeout_min = seconds(1);
    options.handshake_timeout_max = seconds(8);
    return options;
}

// Thread: the test's.
class World {
public:
    struct Node {
        Node(const sim::NodeOptions& options, std::uint64_t seed, const Address& its_address)
            : client(options, seed), inside(its_address) {}

        sim::NodeClient client;
        const Address inside;  // its address behind the NAT
    };

    // What came to the gateway and what it sent, with the address it came from or went to: for attackers.
    struct Captured {
        sim::Direction direction;
        Path path;
        Bytes datagram;
    };

    explicit World(dtls::Options options = {}, sim::NatOptions nat = {}, std::uint64_t seed = 1,
                   const AdmissionLimits& admission = {})
        : options_(options), admission_(admission), nat_(with_gateway(nat), seed) {
        for (std::size_t i = 0; i < cookie_key_.size(); ++i)
            cookie_key_[i] = static_cast<std::uint8_t>(i);
        restart();
    }
    ~World() {
        for (const std::string& line : lines_.take_messages())
            ADD_FAILURE() << "somebody wrote a log line: " << line;
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Node& add_node(const std::string& identity, sim::LinkOptions link = {}, sim::NodeOptions options = {}) {
        const Bytes psk(16, static_cast<std::uint8_t>(nodes_.size() + 1));
        store::CredentialRow row;
        row.id = nodes_.size() + 1;
        row.identity = identity;
        row.device = identity;
        row.fleet = "water-meters";
        row.psk = Secret(psk);
        directory_.add(std::move(row));
        options.dtls.identity = identity;
        options.dtls.psk = psk;
        Address inside = *Address::from_text("10.0.0.1:1");
        inside.port = static_cast<std::uint16_t>(1 + nodes_.size());
        nat_.attach(inside, link);
        nodes_.push_back(std::make_unique<Node>(options, 1000 + nodes_.size(), inside));
        return *nodes_.back();
    }

    // The NAT forgets a node: its next uplink comes from another address.
    void rebind(const Node& node) { nat_.rebind(node.inside, clock.now().steady); }
    // Where the NAT lets a node speak from. The node must have sent something since it was forgotten.
    Address address_of(const Node& node) const { return outside(nat_.port_of(node.inside).value()); }

    // kill -9 and a new start: what was not committed is gone, what was is loaded.
    void restart() { restart(options_.shards); }
    void restart(std::uint8_t shards) {
        begin_restart(shards);
        load();
    }
    // A start that answers nodes before it has loaded anything. load() goes on with up to `rows` sessions,
    // and ends the loading when those were the last.
    void begin_restart(std::uint8_t shards) {
        journal.crash();
        outgoing_.clear();
        words_.clear();
        shards_.clear();
        order_.emplace();
        options_.shards = shards;
        map_.emplace(shards, Bytes(16, ++boots_));
        replies_ = std::make_unique<StoredReplies>();
        for (const store::StoredReply& reply : journal.replies)
            replies_->add(store::StoredReply(reply));
        for (std::uint8_t i = 0; i < shards; ++i)
            shards_.push_back(make_shard(i));
        loading_ = std::make_unique<MemorySessionReader>(journal);
    }
    void load(std::size_t rows = std::size_t{1} << 32) {
        const auto restore = [this](store::SessionRow&& row) {
            const store::SessionId id = row.id;
            Shard& owner = *shards_[map_->owner_of_session(row.cid, row.path)];
            const auto restored = owner.ingress->restore(std::move(row), replies_->take(id), clock.now());
            if (restored == dtls::Restored::kUnreadable) std::abort();
        };
        if (*loading_->next(rows, restore)) return;
        for (const auto& shard : shards_) {
            shard->ingress->load_from(nullptr);
            shard->shelf.reset();
        }
    }

    // A datagram reaches the gateway, from wherever `path` says.
    void inject(const Path& path, ByteView datagram) { receive(path, datagram); }

    // Commits what waits and carries out what follows from it.
    void commit() {
        for (const auto& [shard, completions] : journal.commit())
            shards_[shard]->ingress->on_completions(completions, clock.now());
    }

    // Lets time pass in steps until everything that is due within `duration` has happened. `commits`: the
    // writer works at every step; otherwise units wait for commit().
    void run(std::chrono::milliseconds duration, bool commits = true,
             std::chrono::milliseconds step = milliseconds(10)) {
        for (std::chrono::milliseconds done{0}; done < duration; done += step) {
            spread_words();
            turn();
            if (commits) commit();
            deliver();
            clock.advance(step);
        }
    }

    // One look at every node, link and timer, without a commit.
    void turn() {
        const Now now = clock.now();
        for (const auto& shard : shards_) {
            const auto due = shard->ingress->next_deadline();
            if (due && *due <= now.steady) shard->ingress->advance(now);
        }
        for (const auto& node : nodes_) {
            node->client.advance(now);
            while (auto datagram = node->client.next_datagram()) {
                recorded.push_back({sim::Recorded::Kind::kUp, now.wall, node->inside, 0, *datagram});
                nat_.from_inside(node->inside, *datagram, now.steady);
            }
        }
        deliver();
    }

    Ingress& ingress(std::size_t shard = 0) { return *shards_[shard]->ingress; }
    std::size_t shards() const { return shards_.size(); }
    // Of all shards together.
    std::uint64_t handshakes() const {
        std::uint64_t handshakes = 0;
        for (const auto& shard : shards_)
            handshakes += shard->ingress->endpoint().counters().handshakes_completed;
        return handshakes;
    }
    std::size_t sessions() const {
        std::size_t sessions = 0;
        for (const auto& shard : shards_)
            sessions += shard->ingress->endpoint().sessions();
        return sessions;
    }
    std::uint64_t ended(dtls::EndReason reason) const {
        std::uint64_t ended = 0;
        for (const auto& shard : shards_)
            ended += shard->ingress->endpoint().counters().of(reason);
        return ended;
    }

    fakes::ManualClock clock;
    MemoryJournal journal;
    std::vector<Captured> captured;
    // Every datagram as its sender sent it: for the nonce audit.
    std::vector<sim::Recorded> recorded;
    const Address gateway = *Address::from_text("198.51.100.1:5684");

private:
    static Bytes to_bytes(ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); }

    struct Shard {
        std::unique_ptr<DiskSessionShelf> shelf;  // while loading
        std::unique_ptr<Ingress> ingress;
    };

    std::unique_ptr<Shard> make_shard(std::uint8_t number) {
        auto shard = std::make_unique<Shard>();
        dtls::Options options = options_;
        options.shard = number;
        shard->ingress = std::make_unique<Ingress>(
            options, directory_, cookie_key_, *order_, policies_,
            Ingress::Outside{
                .send = [this](const Path& path,
                               ByteView datagram) { outgoing_.push_back({path, to_bytes(datagram)}); },
                .submit =
                    [this, number](store::Unit&& unit) {
                        unit.sink = number;
                        return journal.submit(std::move(unit));
                    },
                .retired = [this](store::CredentialId credential) { retire(credential); },
                .tell_others = [this,
                                number](const NewerSession& newer) { words_.emplace_back(number, newer); },
                .service_time = [this] { return service_time(); }},
            log_, admission_.divided_by(options_.shards), number);
        const auto found = [this, ingress = shard->ingress.get()](store::SessionId session) {
            for (const store::StoredReply& reply : replies_->take(session))
                ingress->restore(reply, clock.now());
        };
        shard->shelf = std::make_unique<DiskSessionShelf>(
            std::make_unique<MemorySessionReader>(journal), *map_, number, clock,
            DiskSessionShelf::Outside{.service_time = [this] { return service_time(); }, .found = found});
        shard->ingress->load_from(shard->shelf.get());
        return shard;
    }

    seconds service_time() const {
        return std::chrono::duration_cast<seconds>(clock.now().steady.time_since_epoch());
    }

    void retire(store::CredentialId credential) {
        directory_.remove(std::array{credential});
        for (const auto& shard : shards_)
            shard->ingress->end_sessions_of(credential, clock.now());
    }

    // Whichever shard the kernel gives it to: it comes to its owner.
    void receive(const Path& path, ByteView datagram) {
        shards_[map_->owner_of(datagram, path)]->ingress->on_datagram(datagram, path, clock.now());
    }

    // What shards have to tell each other arrives a turn later.
    void spread_words() {
        for (const auto& [teller, newer] : std::exchange(words_, {})) {
            for (std::size_t i = 0; i < shards_.size(); ++i)
                if (i != teller) shards_[i]->ingress->end_others(newer, clock.now());
        }
    }

    // What the gateway sent goes to the NAT; then all that has come through it by now reaches its end.
    void deliver() {
        const Now now = clock.now();
        for (auto& [path, datagram] : std::exchange(outgoing_, {})) {
            captured.push_back({sim::Direction::kDown, path, datagram});
            const auto port = static_cast<std::uint16_t>(path.remote.port - kFirstOutsidePort);
            if (path.remote != outside(port)) continue;  // of somebody who is not behind the NAT
            const Address inside = nat_.holder_of(port).value_or(Address{});
            recorded.push_back({sim::Recorded::Kind::kDown, now.wall, inside, port, datagram});
            nat_.from_outside(port, gateway, datagram, now.steady);
        }
        while (auto passage = nat_.take(now.steady)) {
            if (passage->kind == sim::Nat::Passage::Kind::kDown) {
                for (const auto& node : nodes_) {
                    if (node->inside == passage->inside) node->client.receive(passage->datagram, now);
                }
                continue;
            }
            if (passage->opens_mapping) {
                recorded.push_back(
                    {sim::Recorded::Kind::kMapped, now.wall, passage->inside, passage->port, {}});
            }
            const Path path{gateway, outside(passage->port)};
            captured.push_back({sim::Direction::kUp, path, passage->datagram});
            receive(path, passage->datagram);
        }
    }

    static constexpr std::uint16_t kFirstOutsidePort = 10'000;
    static Address outside(std::uint16_t port) {
        Address address = *Address::from_text("192.0.2.1:1");
        address.port = static_cast<std::uint16_t>(kFirstOutsidePort + port);
        return address;
    }

    sim::NatOptions with_gateway(sim::NatOptions options) const {
        options.gateway = gateway;
        return options;
    }

    static std::shared_ptr<const Policies> meters() {
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back({*coap::PathPattern::parse("telemetry"), "aws", "dt/{device}"});
        return std::make_shared<const Policies>(std::vector{fleet},
                                                std::map<std::string, store::UpstreamId>{{"aws", 0}});
    }

    dtls::Options options_;
    AdmissionLimits admission_;
    std::array<std::uint8_t, 32> cookie_key_{};
    fakes::RecordedLines lines_;
    Log log_{LogLevel::kInfo, lines_.sink()};
    CredentialDirectory directory_{clock};
    std::shared_ptr<const Policies> policies_ = meters();
    std::deque<std::pair<Path, Bytes>> outgoing_;
    sim::Nat nat_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::uint8_t boots_ = 0;
    std::optional<dtls::ShardMap> map_;
    std::optional<dtls::EstablishmentOrder> order_;
    std::vector<std::pair<std::size_t, NewerSession>> words_;  // with who tells them
    std::unique_ptr<StoredReplies> replies_;
    std::unique_ptr<MemorySessionReader> loading_;
    std::vector<std::unique_ptr<Shard>> shards_;

public:
    CredentialDirectory& directory() { return directory_; }
    sim::Nat& nat() { return nat_; }
};

}  // namespace narrowgate::daemon::testing
