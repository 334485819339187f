// SPDX-License-Identifier: Apache-2.0
//
// A gateway shard, its journal and its nodes in virtual time: the real Ingress with all rooms behind it, real
// mbedTLS nodes behind simulated links and a NAT, and a journal in memory whose commits, failures and crashes
// a test decides.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/devices/credential_directory.hpp"
#include "daemon/ingress/ingress.hpp"
#include "fakes/manual_clock.hpp"
#include "sim/nat.hpp"
#include "sim/node_client.hpp"
#include "sim/recording.hpp"

namespace narrowgate::daemon::testing {

// What the store would hold. Units wait until commit(); a crash forgets what waits.
class MemoryJournal {
public:
    struct Reading {
        std::string device;
        Bytes payload;
    };

    bool submit(store::Unit&& unit) {
        if (full_queue) return false;
        waiting_.push_back(std::move(unit));
        return true;
    }

    // All that waits, in order, becomes durable, unless the store is out of order in one of its ways.
    std::vector<store::Completion> commit() {
        std::vector<store::Completion> completions;
        for (store::Unit& unit : std::exchange(waiting_, {})) {
            store::Outcome outcome = store::Outcome::kCommitted;
            if (failing) {
                outcome = store::Outcome::kFailed;
            } else {
                if (unit.reading && full) outcome = store::Outcome::kReadingRefused;
                apply(unit, outcome);
            }
            completions.push_back({unit.ticket, outcome, seconds(60)});
        }
        return completions;
    }
    void crash() { waiting_.clear(); }
    bool idle() const { return waiting_.empty(); }

    std::map<store::SessionId, store::SessionRow> sessions;
    std::vector<store::StoredReply> replies;
    std::vector<Reading> readings;
    bool full = false;        // readings are refused
    bool failing = false;     // nothing can be written
    bool full_queue = false;  // nothing is even taken

private:
    void apply(store::Unit& unit, store::Outcome outcome) {
        for (const store::SessionId id : unit.close)
            sessions.erase(id);
        if (unit.open) sessions.insert_or_assign(unit.open->id, std::move(*unit.open));
        if (unit.mark) {
            if (const auto found = sessions.find(unit.mark->session); found != sessions.end()) {
                store::SessionRow& row = found->second;
                row.right_edge = unit.mark->right_edge;
                row.window = unit.mark->window;
                row.lease_end = unit.mark->lease_end;
                row.confirmed = unit.mark->confirmed;
                row.path = unit.mark->path;
                row.last_seen = unit.mark->last_seen;
            }
        }
        if (outcome != store::Outcome::kCommitted) return;
        if (unit.reading) readings.push_back({unit.reading->device, unit.reading->payload});
        if (unit.reply) replies.push_back(*unit.reply);
    }

    std::vector<store::Unit> waiting_;
};

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

    explicit World(dtls::Options options = {}, sim::NatOptions nat = {}, std::uint64_t seed = 1)
        : options_(options), nat_(with_gateway(nat), seed) {
        for (std::size_t i = 0; i < cookie_key_.size(); ++i)
            cookie_key_[i] = static_cast<std::uint8_t>(i);
        restart();
    }

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
    void restart() {
        journal.crash();
        outgoing_.clear();
        ingress_.reset();
        ingress_ = std::make_unique<Ingress>(
            options_, directory_, cookie_key_, policies_,
            Ingress::Outside{
                .send = [this](const Path& path,
                               ByteView datagram) { outgoing_.push_back({path, to_bytes(datagram)}); },
                .submit = [this](store::Unit&& unit) { return journal.submit(std::move(unit)); }},
            log_);
        for (const auto& [id, row] : journal.sessions) {
            store::SessionRow copy{.id = row.id,
                                   .credential = row.credential,
                                   .cid = row.cid,
                                   .secret = row.secret.copy(),
                                   .confirmed = row.confirmed,
                                   .path = row.path,
                                   .lease_end = row.lease_end,
                                   .right_edge = row.right_edge,
                                   .window = row.window,
                                   .established = row.established,
                                   .last_seen = row.last_seen};
            if (!ingress_->restore(std::move(copy), clock.now())) std::abort();
        }
        for (const store::StoredReply& reply : journal.replies)
            ingress_->restore(reply, clock.now());
    }

    // A datagram reaches the gateway, from wherever `path` says.
    void inject(const Path& path, ByteView datagram) { ingress_->on_datagram(datagram, path, clock.now()); }

    // Commits what waits and carries out what follows from it.
    void commit() { ingress_->on_completions(journal.commit(), clock.now()); }

    // Lets time pass in steps until everything that is due within `duration` has happened. `commits`: the
    // writer works at every step; otherwise units wait for commit().
    void run(std::chrono::milliseconds duration, bool commits = true,
             std::chrono::milliseconds step = milliseconds(10)) {
        for (std::chrono::milliseconds done{0}; done < duration; done += step) {
            turn();
            if (commits) commit();
            deliver();
            clock.advance(step);
        }
    }

    // One look at every node, link and timer, without a commit.
    void turn() {
        const Now now = clock.now();
        if (const auto due = ingress_->next_deadline(); due && *due <= now.steady) ingress_->advance(now);
        for (const auto& node : nodes_) {
            node->client.advance(now);
            while (auto datagram = node->client.next_datagram()) {
                recorded.push_back({sim::Recorded::Kind::kUp, now.wall, node->inside, 0, *datagram});
                nat_.from_inside(node->inside, *datagram, now.steady);
            }
        }
        deliver();
    }

    Ingress& ingress() { return *ingress_; }

    fakes::ManualClock clock;
    MemoryJournal journal;
    std::vector<Captured> captured;
    // Every datagram as its sender sent it: for the nonce audit.
    std::vector<sim::Recorded> recorded;
    const Address gateway = *Address::from_text("198.51.100.1:5684");

private:
    static Bytes to_bytes(ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); }

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
            ingress_->on_datagram(passage->datagram, path, now);
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
    std::array<std::uint8_t, 32> cookie_key_{};
    Log log_{LogLevel::kError};
    CredentialDirectory directory_{clock};
    std::shared_ptr<const Policies> policies_ = meters();
    std::deque<std::pair<Path, Bytes>> outgoing_;
    sim::Nat nat_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::unique_ptr<Ingress> ingress_;

public:
    CredentialDirectory& directory() { return directory_; }
    sim::Nat& nat() { return nat_; }
};

}  // namespace narrowgate::daemon::testing
