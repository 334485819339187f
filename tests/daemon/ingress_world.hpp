// SPDX-License-Identifier: Apache-2.0
//
// A gateway shard, its journal and its nodes in virtual time: the real Ingress with all rooms behind it, real
// mbedTLS nodes behind simulated links, and a journal in memory whose commits, failures and crashes a test
// decides.
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
#include "sim/link.hpp"
#include "sim/node_client.hpp"

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
        Node(sim::NodeOptions options, sim::LinkOptions link_options, std::uint64_t seed, std::uint16_t port)
            : client(options, seed), link(link_options, seed + 1), first_port(port) {}

        sim::NodeClient client;
        sim::Link link;
        std::uint16_t first_port;  // of its first NAT binding; each rebinding takes the next

        Address address() const {
            Address address = *Address::from_text("192.0.2.1:1");
            address.port = static_cast<std::uint16_t>(first_port + link.binding());
            return address;
        }
    };

    // What was seen on the wire, with where it went: for attackers and for audits.
    struct Captured {
        sim::Direction direction;
        Path path;
        Bytes datagram;
    };

    explicit World(dtls::Options options = {}) : options_(options) {
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
        const auto port = static_cast<std::uint16_t>(10'000 + 1'000 * nodes_.size());
        nodes_.push_back(std::make_unique<Node>(options, link, 1000 + nodes_.size(), port));
        return *nodes_.back();
    }

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
            while (auto datagram = node->client.next_datagram())
                node->link.send(sim::Direction::kUp, *datagram, now.steady);
            while (auto datagram = node->link.take(sim::Direction::kUp, now.steady)) {
                const Path path{gateway, node->address()};
                captured.push_back({sim::Direction::kUp, path, *datagram});
                ingress_->on_datagram(*datagram, path, now);
            }
        }
        deliver();
    }

    Ingress& ingress() { return *ingress_; }

    fakes::ManualClock clock;
    MemoryJournal journal;
    std::vector<Captured> captured;
    const Address gateway = *Address::from_text("198.51.100.1:5684");

private:
    static Bytes to_bytes(ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); }

    // What the gateway sent goes down the links of the nodes that own the addresses; the rest is lost.
    void deliver() {
        const Now now = clock.now();
        for (auto& [path, datagram] : std::exchange(outgoing_, {})) {
            captured.push_back({sim::Direction::kDown, path, datagram});
            for (const auto& node : nodes_) {
                if (node->address() == path.remote) {
                    node->link.send_down(datagram, node->link.binding(), now.steady);
                }
            }
        }
        for (const auto& node : nodes_) {
            while (auto datagram = node->link.take(sim::Direction::kDown, now.steady)) {
                node->client.receive(*datagram, now);
            }
        }
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
    std::vector<std::unique_ptr<Node>> nodes_;
    std::unique_ptr<Ingress> ingress_;

public:
    CredentialDirectory& directory() { return directory_; }
};

}  // namespace narrowgate::daemon::testing
