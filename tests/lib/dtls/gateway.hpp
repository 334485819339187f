// SPDX-License-Identifier: Apache-2.0
//
// An endpoint with a journal in memory behind it, as the daemon would drive it. It audits all that leaves:
// every datagram fits the mtu (P6), no number is sealed twice in a session (P3), nothing protected leaves
// before the session's commit (P2).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fakes/dtls_client.hpp"
#include "fakes/manual_clock.hpp"
#include "narrowgate/dtls/endpoint.hpp"

namespace narrowgate::dtls {

inline Path path_from(std::uint16_t port) {
    return {*Address::from_text("192.0.2.1:5684"),
            *Address::from_text("198.51.100.7:" + std::to_string(port))};
}

class KnownCredentials final : public CredentialLookup {
public:
    void add(Bytes identity, CredentialId id, Bytes psk) {
        by_identity_[std::move(identity)] = {id, std::move(psk)};
    }

    bool find(ByteView identity, Credential& out) const override {
        const auto found = by_identity_.find(Bytes(identity.begin(), identity.end()));
        if (found == by_identity_.end()) return false;
        out.id = found->second.first;
        out.psk = Secret(ByteView(found->second.second));
        return true;
    }

private:
    std::map<Bytes, std::pair<CredentialId, Bytes>> by_identity_;
};

struct Sent {
    Path path;
    Bytes datagram;
};

struct Arrival {
    Receipt receipt;
    Bytes data;
};

// One row of the journal.
struct Row {
    CredentialId credential = 0;
    Bytes cid;
    Bytes secret;
    bool confirmed = false;
    Path path;
    std::uint64_t lease_end = 0;
    std::uint64_t right_edge = 0;
    std::uint64_t window = 0;
    WallTime established;
    WallTime last_seen;
    Traffic traffic{};
    SteadyTime heard{};  // the manual clock's steady side runs on while the gateway is down
};

// The row as it is read from disk at `now`.
inline SessionRecord record_of(SessionId id, const Row& row, SteadyTime now) {
    SessionRecord record;
    record.id = id;
    record.credential = row.credential;
    record.cid = row.cid;
    record.secret = Secret(ByteView(row.secret));
    record.confirmed = row.confirmed;
    record.path = row.path;
    record.lease_end = row.lease_end;
    record.right_edge = row.right_edge;
    record.window = row.window;
    record.established = row.established;
    record.last_seen = row.last_seen;
    record.traffic = row.traffic;
    record.silence = std::chrono::duration_cast<seconds>(now - row.heard);
    return record;
}

class Gateway final : public Listener {
public:
    // `order`: of the gateway whose shard this is; its own when null.
    explicit Gateway(const Options& options = {}, EstablishmentOrder* order = nullptr)
        : options_(options), order_(order == nullptr ? &own_order_ : order) {
        credentials.add({'n', 'o', 'd', 'e'}, 1, Bytes(16, 0x5a));
        boot();
    }

    // Commits happen at once while true; else when commit_all() says so, or never.
    bool commits_at_once = true;
    // Whether new handshakes are let in.
    bool admits = true;

    Fate receive(ByteView datagram, const Path& path) {
        return endpoint_->receive(datagram, path, clock.now());
    }

    void commit_all() {
        while (!waiting_.empty()) {
            const auto commit = std::exchange(waiting_, {});
            for (const auto& each : commit)
                each(true);
        }
    }
    // The longest waiting one alone.
    void commit_next() { settle_next(true); }
    void fail_next() { settle_next(false); }
    // The disk is full: what waits is refused.
    void fail_commits() {
        const auto commit = std::exchange(waiting_, {});
        for (const auto& each : commit)
            each(false);
    }
    bool has_commits_waiting() const { return !waiting_.empty(); }

    // The same, but the sessions are not loaded yet.
    void crash_and_load_from(SessionShelf* shelf) {
        waiting_.clear();
        boot();
        endpoint_->load_from(shelf);
    }

    // Stops at this instant; only the journal is left. Commits under way are lost.
    void crash() {
        endpoint_.reset();
        waiting_.clear();
        boot();
        for (const auto& [id, row] : journal)
            EXPECT_EQ(restore(id), Restored::kYes);
    }

    Restored restore(SessionId id) {
        return endpoint_->restore(record_of(id, journal.at(id), clock.now().steady), clock.now());
    }

    // Seals and "sends" a reply; nothing when it cannot be sealed.
    std::optional<Bytes> reply(SessionId session, std::string_view text) {
        std::array<std::uint8_t, kMaxMtuBytes> out;
        const auto size = endpoint_->seal(session, bytes_of(text), out, clock.now());
        if (!size) return std::nullopt;
        Bytes datagram(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(*size));
        audit(session, datagram);
        return datagram;
    }

    Endpoint& endpoint() { return *endpoint_; }
    const Counters& counters() const { return endpoint_->counters(); }
    std::vector<Sent> take_sent() { return std::exchange(sent_, {}); }

    // Listener
    void send(const Path& path, ByteView datagram) override {
        EXPECT_LE(datagram.size(), options_.mtu);
        audit(committing_, datagram);
        sent_.push_back({path, Bytes(datagram.begin(), datagram.end())});
    }
    bool admits_handshake(const Path&, Now) override { return admits; }
    void on_established(const SessionRecord& record, std::optional<SessionId> replaces_unconfirmed) override {
        const ByteView secret = record.secret.view();
        Row row{record.credential, record.cid,     Bytes(secret.begin(), secret.end()),
                record.confirmed,  record.path,    record.lease_end,
                record.right_edge, record.window,  record.established,
                record.last_seen,  record.traffic, clock.now().steady};
        established.emplace_back(record.id, record.order);
        commit([this, id = record.id, row = std::move(row), replaces_unconfirmed](bool durable) {
            if (!durable) return endpoint_->session_abandoned(id);
            if (replaces_unconfirmed) journal.erase(*replaces_unconfirmed);
            journal[id] = row;
            committing_ = id;
            endpoint_->session_committed(id, clock.now());
            committing_.reset();
        });
    }
    void on_receipt(const Receipt& receipt, ByteView application_data) override {
        Arrival arrival{receipt, Bytes(application_data.begin(), application_data.end())};
        commit([this, arrival = std::move(arrival)](bool durable) {
            const Receipt& done = arrival.receipt;
            if (!durable) return endpoint_->not_committed(done);
            if (done.replaces) journal.erase(*done.replaces);
            if (done.ends_session()) {
                journal.erase(done.session);
            } else if (const auto row = journal.find(done.session); row != journal.end()) {
                row->second.confirmed = done.confirmed;
                row->second.path = done.durable_path;
                row->second.lease_end = done.lease_end;
                row->second.right_edge = done.right_edge;
                row->second.window = done.window;
                row->second.last_seen = done.last_seen;
                row->second.traffic = done.traffic;
                row->second.heard = clock.now().steady;
            }
            committing_ = done.session;
            endpoint_->committed(done, clock.now());
            committing_.reset();
            if (done.purpose == Purpose::kApplicationData) arrivals.push_back(arrival);
        });
    }
    void on_session_ended(SessionId session, CredentialId, EndReason reason) override {
        ended.emplace_back(session, reason);
        if (!is_gone_from_journal(reason)) {
            commit([this, session](bool durable) {
                if (durable) journal.erase(session);
            });
        }
    }
    void on_handshake_ended(const HandshakeTrace& trace) override { traces.push_back(trace); }

    fakes::ManualClock clock;
    KnownCredentials credentials;
    std::map<SessionId, Row> journal;
    std::vector<Arrival> arrivals;
    std::vector<std::pair<SessionId, std::uint32_t>> established;  // with their orders
    std::vector<std::pair<SessionId, EndReason>> ended;
    std::vector<HandshakeTrace> traces;

private:
    void boot() {
        endpoint_ = std::make_unique<Endpoint>(options_, credentials, Bytes(32, 7), *order_, *this);
    }

    void commit(std::function<void(bool durable)> done) {
        waiting_.push_back(std::move(done));
        if (commits_at_once) commit_all();
    }

    void settle_next(bool durable) {
        const auto next = std::move(waiting_.front());
        waiting_.pop_front();
        next(durable);
    }

    // Protected records by session and sequence number. Without a session under commit there must be none.
    void audit(std::optional<SessionId> session, ByteView datagram) {
        EXPECT_LE(datagram.size(), options_.mtu);
        while (datagram.size() >= 13) {
            ByteReader reader(datagram);
            const auto type = static_cast<ContentType>(reader.u8());
            reader.skip(2);
            const auto epoch = reader.u16();
            const auto sequence = reader.unsigned_integer(6);
            if (type == ContentType::kTls12Cid) reader.skip(peer_cid_bytes);
            (void)reader.take_prefixed(2);
            ASSERT_TRUE(reader.ok());
            if (epoch != 0) {
                ASSERT_TRUE(session.has_value()) << "a protected record left before its commit";
                EXPECT_TRUE(numbers_.emplace(*session, sequence).second)
                    << "number " << sequence << " used twice";
            }
            datagram = reader.rest();
        }
    }

    Options options_;
    EstablishmentOrder own_order_;
    EstablishmentOrder* order_;
    std::unique_ptr<Endpoint> endpoint_;
    std::deque<std::function<void(bool durable)>> waiting_;
    std::optional<SessionId> committing_;
    std::vector<Sent> sent_;
    std::set<std::pair<SessionId, std::uint64_t>> numbers_;

public:
    std::size_t peer_cid_bytes = 0;  // of clients that want one
};

// A client at an address, and the network between it and a gateway: instant and reliable here.
class Node {
public:
    explicit Node(Gateway& gateway, const fakes::DtlsClientOptions& options = {}, std::uint16_t port = 40'000)
        : client(options), path(path_from(port)), gateway_(gateway) {
        gateway.peer_cid_bytes = options.own_cid.size();
    }

    // Runs until the client is established, or nothing moves any more.
    bool shake_hands() {
        client.start(now());
        exchange();
        return client.established();
    }

    // Carries datagrams both ways until both are silent. What the gateway sends elsewhere is lost.
    void exchange() {
        for (int turn = 0; turn < 100; ++turn) {
            const auto up = client.take_datagrams();
            for (const Bytes& datagram : up)
                gateway_.receive(datagram, path);
            const auto down = gateway_.take_sent();
            for (const Sent& sent : down) {
                if (sent.path == path) client.receive(sent.datagram, now());
            }
            if (up.empty() && down.empty()) return;
        }
    }

    // One uplink, from wherever the node is.
    Fate says(std::string_view text) { return gateway_.receive(client.seal(bytes_of(text), now()), path); }
    Bytes sealed(std::string_view text) { return client.seal(bytes_of(text), now()); }

    // The reply to `session` as the client reads it; empty when it reads none.
    std::string hears(SessionId session, std::string_view text) {
        const auto datagram = gateway_.reply(session, text);
        if (!datagram) return {};
        client.receive(*datagram, now());
        const auto received = client.take_received();
        return received.empty() ? std::string() : std::string(text_of(received.front()));
    }

    fakes::DtlsClient client;
    Path path;

private:
    SteadyTime now() const { return gateway_.clock.now().steady; }

    Gateway& gateway_;
};

}  // namespace narrowgate::dtls
