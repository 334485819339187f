// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/shard.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

// Batches taken from one socket before commits and the other sockets get their turn.
constexpr int kBatchesInARow = 4;
// A loop that is idle still looks at uploads and at the clock now and then.
constexpr seconds kIdleTurn{10};

}  // namespace

struct Shard::Impl {
    Impl(std::unique_ptr<io::EventLoop> loop_in, std::vector<io::UdpSocket> sockets_in,
         store::Store& store_in)
        : loop(std::move(loop_in)), sockets(std::move(sockets_in)), store(store_in) {}

    void run() {
        (void)pthread_setname_np(pthread_self(), "ingress");
        deadline = loop->timer([this] { on_deadline(); });
        for (io::UdpSocket& socket : sockets) {
            readable.push_back(loop->watch(socket.fd(), io::Ready::kRead,
                                           [this, &socket](io::Ready) { on_readable(socket); }));
        }
        arm();
        loop->run();
        readable.clear();
        deadline = io::Source();
    }

    void on_readable(io::UdpSocket& socket) {
        const Now now = loop->now();
        for (int batch = 0; batch < kBatchesInARow; ++batch) {
            const std::size_t taken = socket.receive(
                [&](ByteView datagram, const Path& path) { ingress->on_datagram(datagram, path, now); });
            if (taken < io::UdpSocket::kBatch) break;
        }
        finish_turn();
    }

    void on_deadline() {
        ingress->advance(loop->now());
        finish_turn();
    }

    void on_completions(std::span<const store::Completion> completions) {
        ingress->on_completions(completions, loop->now());
        finish_turn();
        if (stopping && ingress->pending() == 0) loop->stop();
    }

    void finish_turn() {
        for (io::UdpSocket& socket : sockets)
            socket.flush();
        arm();
    }

    void arm() {
        const SteadyTime idle = loop->now().steady + kIdleTurn;
        deadline.arm(std::min(idle, ingress->next_deadline().value_or(idle)));
    }

    // Replies leave through the socket that listens on the port they were asked at.
    void send(const Path& path, ByteView datagram) {
        const auto fits = [&path](const io::UdpSocket& socket) {
            const Address& bound = socket.local();
            const bool any =
                bound.ip == std::array<std::uint8_t, 16>{} || bound.text().starts_with("0.0.0.0:");
            return bound.port == path.local.port && (any || bound.ip == path.local.ip);
        };
        const auto socket = std::find_if(sockets.begin(), sockets.end(), fits);
        // A session restored from another configuration may name a port that is no longer listened on.
        if (socket != sockets.end()) socket->send(path, datagram);
    }

    ShardSnapshot snapshot() const {
        ShardSnapshot now;
        now.ingress = ingress->counters();
        now.dtls = ingress->endpoint().counters();
        for (const io::UdpSocket& socket : sockets) {
            const io::UdpCounters& counters = socket.counters();
            now.udp.received += counters.received;
            now.udp.oversized += counters.oversized;
            now.udp.sent += counters.sent;
            now.udp.send_failures += counters.send_failures;
        }
        now.sessions = ingress->endpoint().sessions();
        now.handshakes = ingress->endpoint().handshakes();
        now.duplicates = ingress->messages().count(coap::MessageFate::kDuplicateAnswered) +
                         ingress->messages().count(coap::MessageFate::kDuplicateInProgress);
        return now;
    }

    std::unique_ptr<io::EventLoop> loop;
    std::vector<io::UdpSocket> sockets;
    store::Store& store;
    std::optional<Ingress> ingress;
    io::Source deadline;
    std::vector<io::Source> readable;
    bool stopping = false;  // the shard's thread alone
    std::jthread thread;
    std::future<void> ended;
};

Shard::Shard(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Shard::~Shard() {
    stop(milliseconds(0));
}

Expected<std::unique_ptr<Shard>> Shard::open(const std::vector<Address>& listen, const dtls::Options& options,
                                             const CredentialDirectory& credentials, ByteView cookie_key,
                                             std::shared_ptr<const Policies> policies, store::Store& store,
                                             Log& log) {
    auto loop = io::EventLoop::create();
    if (!loop) return std::unexpected(loop.error());
    std::vector<io::UdpSocket> sockets;
    for (const Address& address : listen) {
        auto socket = io::UdpSocket::open({.listen = address});
        if (!socket) return std::unexpected(socket.error());
        sockets.push_back(std::move(*socket));
    }
    auto impl = std::make_shared<Impl>(std::move(*loop), std::move(sockets), store);
    Impl* const self = impl.get();
    const store::SinkId sink = store.add_sink([weak = std::weak_ptr(impl)](
                                                  std::vector<store::Completion>&& done) {
        // The store may outlive the shard; then nobody waits for the answers any more.
        const auto shard = weak.lock();
        if (!shard) return;
        (void)shard->loop->post([self = shard.get(), done = std::move(done)] { self->on_completions(done); });
    });
    Ingress::Outside outside{
        .send = [self](const Path& path, ByteView datagram) { self->send(path, datagram); },
        .submit =
            [self, sink](store::Unit&& unit) {
                unit.sink = sink;
                return self->store.submit(std::move(unit));
            },
    };
    self->ingress.emplace(options, credentials, cookie_key, std::move(policies), std::move(outside), log);
    return std::unique_ptr<Shard>(new Shard(std::move(impl)));
}

Ingress& Shard::ingress() {
    return *impl_->ingress;
}

std::vector<Address> Shard::addresses() const {
    std::vector<Address> addresses;
    for (const io::UdpSocket& socket : impl_->sockets)
        addresses.push_back(socket.local());
    return addresses;
}

void Shard::start() {
    std::promise<void> ended;
    impl_->ended = ended.get_future();
    impl_->thread = std::jthread([impl = impl_.get(), ended = std::move(ended)]() mutable {
        impl->run();
        ended.set_value();
    });
}

void Shard::stop(milliseconds patience) {
    if (!impl_->thread.joinable()) return;
    (void)impl_->loop->post([impl = impl_.get()] {
        impl->readable.clear();
        impl->stopping = true;
        if (impl->ingress->pending() == 0) impl->loop->stop();
    });
    if (impl_->ended.wait_for(patience) != std::future_status::ready) impl_->loop->stop();
    impl_->thread.join();
}

void Shard::set_policies(std::shared_ptr<const Policies> policies) {
    (void)impl_->loop->post([impl = impl_.get(), policies = std::move(policies)]() mutable {
        impl->ingress->set_policies(std::move(policies));
    });
}

void Shard::end_sessions_of(std::vector<dtls::CredentialId> credentials) {
    (void)impl_->loop->post([impl = impl_.get(), credentials = std::move(credentials)] {
        for (const dtls::CredentialId credential : credentials) {
            impl->ingress->end_sessions_of(credential, impl->loop->now());
        }
        impl->finish_turn();
    });
}

std::optional<ShardSnapshot> Shard::snapshot(milliseconds patience) {
    auto promise = std::make_shared<std::promise<ShardSnapshot>>();
    auto answer = promise->get_future();
    if (!impl_->loop->post([impl = impl_.get(), promise] { promise->set_value(impl->snapshot()); })) {
        return std::nullopt;
    }
    if (answer.wait_for(patience) != std::future_status::ready) return std::nullopt;
    return answer.get();
}

void Shard::beat(std::function<void()> beat) {
    (void)impl_->loop->post(std::move(beat));
}

}  // namespace narrowgate::daemon
