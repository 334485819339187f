// SPDX-License-Identifier: Apache-2.0
//
// The real threads: shards on loopback over a real store, the loader behind them, and mbedTLS nodes. What the
// rules are is tested in virtual time (shards_world_test.cpp); here it is that threads keep to them.
#include "daemon/ingress/shards.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/ingress/exchange_look.hpp"
#include "daemon/ingress/loader.hpp"
#include "daemon/ingress/session_look.hpp"
#include "fakes/child_process.hpp"
#include "narrowgate/io/udp_group.hpp"
#include "sim/node_client.hpp"

namespace narrowgate::daemon {
namespace {

// A node with a socket of its own.
struct Node {
    Node(const sim::NodeOptions& options, std::uint64_t seed, io::UdpSocket its_socket)
        : client(options, seed), socket(std::move(its_socket)) {}

    sim::NodeClient client;
    io::UdpSocket socket;
};

class ShardsTest : public ::testing::Test {
protected:
    static constexpr std::size_t kNodes = 12;

    void SetUp() override {
        open_store();
        for (std::size_t i = 0; i < kNodes; ++i) {
            sim::NodeOptions options;
            options.dtls.identity = "wm-" + std::to_string(i);
            options.dtls.psk = Bytes(16, static_cast<std::uint8_t>(i + 1));
            options.dtls.connection_id = i % 3 != 0;
            options.coap.ack_timeout = seconds(2);
            store::NewDevice device;
            device.identity = options.dtls.identity;
            device.fleet = "water-meters";
            device.psk = Secret(options.dtls.psk);
            const auto added = store_->add_device(device, "test");
            ASSERT_TRUE(added) << added.error().text();
            ids_.push_back(*added);
            auto socket = io::UdpSocket::open({.listen = *Address::from_text("127.0.0.1:0")});
            ASSERT_TRUE(socket) << socket.error().text();
            nodes_.push_back(std::make_unique<Node>(options, i, std::move(*socket)));
        }
    }
    void TearDown() override { stop(); }

    void open_store() {
        store::Options options;
        options.directory = directory_.path() / "state";
        options.ballast_bytes = 256 * 1024;
        auto store = store::Store::open(options, log_, clock_);
        ASSERT_TRUE(store) << store.error().text();
        store_ = *std::move(store);
        const auto upstream = store_->upstream("aws");
        ASSERT_TRUE(upstream) << upstream.error().text();
    }

    // As main() does it. The port of the first start is kept, so that nodes find the gateway again.
    void start(std::uint8_t shards) {
        if (!store_) open_store();
        Fleet fleet;
        fleet.name = "water-meters";
        fleet.routes.push_back({*coap::PathPattern::parse("telemetry"), "aws", "dt/{device}"});
        const std::map<std::string, store::UpstreamId> upstreams{{"aws", 0}};
        dtls::Options options;
        options.shards = shards;
        credentials_.emplace(clock_);
        auto opened =
            Shards::open({.listen = listen_,
                          .options = options,
                          .credentials = *credentials_,
                          .policies = std::make_shared<const Policies>(std::vector{fleet}, upstreams),
                          .store = *store_,
                          .log = log_,
                          .sockets = keeper_ ? &*keeper_ : nullptr});
        ASSERT_TRUE(opened) << opened.error().text();
        shards_ = std::move(*opened);
        listen_ = shards_->addresses();
        auto loader = Loader::prepare({*store_, *credentials_, *shards_, clock_, log_});
        ASSERT_TRUE(loader) << loader.error().text();
        loader_ = std::move(*loader);
        shards_->start();
        loader_->start();
    }
    void stop() {
        if (loader_) loader_->stop();
        if (shards_) shards_->stop(seconds(5));
        if (store_) store_->stop();
        loader_.reset();
        shards_.reset();
        credentials_.reset();
        store_.reset();
    }

    // Moves datagrams between nodes and gateway until `done`; false when that takes too long.
    bool run_until(const std::function<bool()>& done) {
        const SteadyTime deadline = clock_.now().steady + seconds(60);
        while (!done()) {
            const Now now = clock_.now();
            if (now.steady > deadline) return false;
            std::vector<pollfd> pollers;
            for (const auto& node : nodes_) {
                node->client.advance(now);
                while (const auto datagram = node->client.next_datagram())
                    node->socket.send({node->socket.local(), listen_.front()}, *datagram);
                node->socket.flush();
                pollers.push_back({.fd = node->socket.fd(), .events = POLLIN, .revents = 0});
            }
            (void)poll(pollers.data(), pollers.size(), 5);
            for (const auto& node : nodes_) {
                node->socket.receive(
                    [&](ByteView datagram, const Path&) { node->client.receive(datagram, clock_.now()); });
            }
        }
        return true;
    }
    bool connect() {
        for (const auto& node : nodes_)
            node->client.connect(clock_.now());
        return run_until([this] {
            return std::ranges::all_of(nodes_, [](const auto& node) { return node->client.established(); });
        });
    }
    bool measure() {
        for (const auto& node : nodes_)
            node->client.measure(clock_.now());
        return run_until([this] {
            return std::ranges::all_of(nodes_, [](const auto& node) { return node->client.waiting() == 0; });
        });
    }
    bool wait_until_loaded() {
        return run_until([this] { return !loader_->progress().loading; });
    }
    ShardSnapshot sum() {
        ShardSnapshot sum;
        for (const auto& shard : shards_->snapshots(seconds(30))) {
            EXPECT_TRUE(shard.has_value());
            if (!shard) continue;
            sum.sessions += shard->sessions;
            sum.handed_over += shard->handed_over;
            sum.hand_overs_dropped += shard->hand_overs_dropped;
            sum.ingress.readings_acknowledged += shard->ingress.readings_acknowledged;
            sum.dtls.handshakes_completed += shard->dtls.handshakes_completed;
        }
        return sum;
    }

    fakes::TemporaryDirectory directory_;
    SystemClock clock_;
    Log log_{LogLevel::kError};
    std::vector<Address> listen_{*Address::from_text("127.0.0.1:0")};
    std::unique_ptr<store::Store> store_;
    std::optional<CredentialDirectory> credentials_;
    io::ServiceManager manager_;
    std::optional<io::UdpKeeper> keeper_;
    std::unique_ptr<Shards> shards_;
    std::unique_ptr<Loader> loader_;
    std::vector<store::CredentialId> ids_;
    std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(ShardsTest, NodesGoOnOverStartsWithAnotherNumberOfShards) {
    start(2);
    ASSERT_TRUE(connect());
    ASSERT_TRUE(measure());
    EXPECT_EQ(sum().ingress.readings_acknowledged, kNodes);
    for (const std::uint8_t shards : {std::uint8_t{3}, std::uint8_t{1}, std::uint8_t{4}}) {
        stop();
        start(shards);
        ASSERT_TRUE(measure());  // while sessions are being loaded
        ASSERT_TRUE(wait_until_loaded());
        ASSERT_TRUE(measure());
        const ShardSnapshot all = sum();
        EXPECT_EQ(all.sessions, kNodes);
        EXPECT_EQ(all.dtls.handshakes_completed, 0u);
        EXPECT_EQ(all.ingress.readings_acknowledged, 2 * kNodes);
        EXPECT_EQ(all.hand_overs_dropped, 0u);
        EXPECT_EQ(loader_->progress().sessions, kNodes);
        EXPECT_EQ(loader_->progress().credentials, kNodes);
    }
    for (const auto& node : nodes_)
        EXPECT_EQ(node->client.counts().handshakes_started, 1u);
}

// What came while no process was there waits in four sockets, two of which have no shard any more: each node
// gets its answer to the first datagram that it sent.
TEST_F(ShardsTest, WhatWaitsInSocketsOfEarlierShardsIsAnsweredByThoseOfNow) {
    std::vector<io::KeptDescriptor> kept;
    {
        const auto former = io::open_udp_group({.listen = listen_.front()}, 4, {.marked = 25, .key_at = 11});
        ASSERT_TRUE(former) << former.error().text();
        listen_ = {former->front().local()};
        for (std::size_t i = 0; i < former->size(); ++i) {
            kept.push_back(
                {.name = "udp-" + std::to_string(i) + "-127.0.0.1." + std::to_string(listen_[0].port),
                 .descriptor = io::FileDescriptor(dup((*former)[i].fd()))});
        }
    }
    // ClientHello, the same with the cookie, then ClientKeyExchange to Finished; more: one was sent again.
    constexpr std::uint64_t kFlights = 3;
    for (const auto& node : nodes_) {
        node->client.connect(clock_.now());
        while (const auto datagram = node->client.next_datagram())
            node->socket.send({node->socket.local(), listen_.front()}, *datagram);
        node->socket.flush();
    }
    keeper_.emplace(manager_, std::move(kept));
    start(2);
    ASSERT_TRUE(run_until([this] {
        return std::ranges::all_of(nodes_, [](const auto& node) { return node->client.established(); });
    }));
    for (const auto& node : nodes_)
        EXPECT_EQ(node->client.counts().handshake_up.datagrams, kFlights);
    ASSERT_TRUE(measure());
    EXPECT_EQ(sum().sessions, kNodes);
}

// Nodes without CID reach the shard that the kernel chose, which knows nothing of their addresses' owner: a
// part of their datagrams is handed over. That none is would mean that all of them are served by luck: 4
// nodes, each in the right one of four with every datagram.
TEST_F(ShardsTest, DatagramsAtAWrongShardAreHandedOver) {
    start(4);
    ASSERT_TRUE(connect());
    ASSERT_TRUE(measure());
    EXPECT_GT(sum().handed_over, 0u);
    EXPECT_EQ(sum().sessions, kNodes);
}

TEST_F(ShardsTest, ARevocationEndsSessionsInEveryShardAlsoWhileLoading) {
    start(3);
    ASSERT_TRUE(connect());
    ASSERT_TRUE(measure());
    ASSERT_EQ(sum().sessions, kNodes);
    credentials_->remove(ids_);
    shards_->end_sessions_of(ids_);
    EXPECT_EQ(sum().sessions, 0u);

    // On disk they are still: this was a word to the shards alone. Now while they come in.
    stop();
    start(2);
    credentials_->remove(ids_);
    shards_->end_sessions_of(ids_);
    ASSERT_TRUE(wait_until_loaded());
    EXPECT_EQ(sum().sessions, 0u);
    EXPECT_EQ(credentials_->size(), 0u);
}

// A device's sessions and exchanges are in whichever shard its datagrams reached: here in several of four.
TEST_F(ShardsTest, ALookFromOutsideFindsWhatEveryShardHas) {
    constexpr milliseconds kPatience = seconds(30);
    start(4);
    ASSERT_TRUE(connect());
    ASSERT_TRUE(measure());
    ASSERT_TRUE(measure());
    const auto snapshots = shards_->snapshots(kPatience);
    ASSERT_GT(
        std::ranges::count_if(snapshots, [](const auto& shard) { return shard && shard->sessions > 0; }), 1);

    const auto sessions = look_at_sessions(*shards_, clock_, ids_, kPatience);
    ASSERT_TRUE(sessions);
    EXPECT_EQ(sessions->size(), kNodes);
    const auto all = look_at_exchanges(*shards_, clock_, ids_, kMostExchanges, kPatience);
    ASSERT_TRUE(all);
    EXPECT_EQ(all->size(), 2 * kNodes);
    EXPECT_TRUE(std::ranges::is_sorted(*all, std::ranges::greater(), &DeviceExchange::arrived));
    for (const store::CredentialId id : ids_) {
        EXPECT_EQ(std::ranges::count(*sessions, id, &LiveSession::credential), 1);
        EXPECT_EQ(std::ranges::count(*all, id, &DeviceExchange::credential), 2);
        const auto its = look_at_exchanges(*shards_, clock_, {id}, kMostExchanges, kPatience);
        ASSERT_TRUE(its);
        EXPECT_EQ(std::ranges::count(*its, id, &DeviceExchange::credential), 2);
        EXPECT_EQ(its->size(), 2u);
    }
    // The newest of all shards, not of each.
    constexpr std::size_t kFew = 5;
    const auto few = look_at_exchanges(*shards_, clock_, ids_, kFew, kPatience);
    ASSERT_TRUE(few);
    ASSERT_EQ(few->size(), kFew);
    for (std::size_t i = 0; i < kFew; ++i) {
        EXPECT_EQ((*few)[i].arrived, (*all)[i].arrived);
        EXPECT_EQ((*few)[i].code, coap::Code::kChanged);
        EXPECT_EQ((*few)[i].path, "telemetry");
    }
}

// At any moment of a start.
TEST_F(ShardsTest, AStopWhileLoadingLosesNothing) {
    start(2);
    ASSERT_TRUE(connect());
    ASSERT_TRUE(measure());
    for (int i = 0; i < 10; ++i) {
        stop();
        start(static_cast<std::uint8_t>(1 + i % 3));
    }
    ASSERT_TRUE(measure());
    ASSERT_TRUE(wait_until_loaded());
    EXPECT_EQ(sum().sessions, kNodes);
    for (const auto& node : nodes_)
        EXPECT_EQ(node->client.counts().handshakes_started, 1u);
}

}  // namespace
}  // namespace narrowgate::daemon
