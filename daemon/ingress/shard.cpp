// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/shard.hpp"

#include <utility>

#include "daemon/ingress/shard_loop.hpp"

namespace narrowgate::daemon {

Shard::Shard(std::shared_ptr<ShardLoop> loop) : loop_(std::move(loop)) {}

Shard::~Shard() {
    stop(milliseconds(0));
}

Expected<std::unique_ptr<Shard>> Shard::create(Parts parts) {
    auto loop = io::EventLoop::create();
    if (!loop) return std::unexpected(loop.error());
    auto channel = io::Channel<HandedOver>::create(ShardLoop::kMaxHandedOver);
    if (!channel) return std::unexpected(channel.error());
    store::Store& store = parts.store;
    auto shard = std::make_shared<ShardLoop>(std::move(*loop), std::move(*channel), std::move(parts));
    shard->sink = store.add_sink([weak = std::weak_ptr(shard)](std::vector<store::Completion>&& completions) {
        // The store may outlive the shard; then nobody waits for the answers any more.
        const auto alive = weak.lock();
        if (!alive) return;
        (void)alive->loop->post(
            [self = alive.get(), done = std::move(completions)] { self->on_completions(done); });
    });
    return std::unique_ptr<Shard>(new Shard(std::move(shard)));
}

std::vector<Address> Shard::addresses() const {
    std::vector<Address> addresses;
    for (const io::UdpSocket& socket : loop_->sockets())
        addresses.push_back(socket.local());
    return addresses;
}

void Shard::load_from(std::unique_ptr<store::SessionReader> reader, StoredReplies& replies, std::size_t room,
                      const Clock& clock) {
    loop_->load_from(std::move(reader), replies, room, clock);
}

void Shard::start() {
    std::promise<void> ended;
    ended_ = ended.get_future();
    thread_ = std::jthread([loop = loop_.get(), ended = std::move(ended)]() mutable {
        loop->run();
        ended.set_value();
    });
}

void Shard::begin_stop() {
    if (thread_.joinable()) (void)loop_->loop->post([loop = loop_.get()] { loop->drain(); });
}

void Shard::stop(milliseconds patience) {
    if (!thread_.joinable()) return;
    begin_stop();
    if (ended_.wait_for(patience) != std::future_status::ready) loop_->loop->stop();
    thread_.join();
}

bool Shard::take(const Path& path, ByteView datagram) {
    return loop_->handed_over.push({path, Bytes(datagram.begin(), datagram.end())});
}

bool Shard::restore(std::vector<store::SessionRow>&& rows,
                    std::function<void(const std::vector<dtls::Restored>&)> done) {
    // A task must be copyable, and rows are not: they hold secrets.
    auto shared = std::make_shared<std::vector<store::SessionRow>>(std::move(rows));
    return loop_->loop->post([loop = loop_.get(), shared = std::move(shared), done = std::move(done)] {
        done(loop->restore(std::move(*shared)));
    });
}

bool Shard::loaded(std::function<void()> done) {
    return loop_->loop->post([loop = loop_.get(), done = std::move(done)] {
        loop->loaded();
        done();
    });
}

bool Shard::set_policies(std::shared_ptr<const Policies> policies) {
    return loop_->loop->post([loop = loop_.get(), policies = std::move(policies)]() mutable {
        loop->ingress().set_policies(std::move(policies));
    });
}

bool Shard::end_sessions_of(std::vector<dtls::CredentialId> credentials) {
    return loop_->loop->post([loop = loop_.get(), credentials = std::move(credentials)] {
        for (const dtls::CredentialId credential : credentials)
            loop->ingress().end_sessions_of(credential, loop->loop->now());
        loop->finish_turn();
    });
}

bool Shard::forget(std::shared_ptr<const std::vector<dtls::SessionId>> sessions) {
    return loop_->loop->post([loop = loop_.get(), sessions = std::move(sessions)] {
        loop->ingress().forget(*sessions, loop->loop->now());
        loop->finish_turn();
    });
}

bool Shard::end_others(const NewerSession& newer) {
    return loop_->loop->post([loop = loop_.get(), newer] {
        loop->ingress().end_others(newer, loop->loop->now());
        loop->finish_turn();
    });
}

bool Shard::ask(std::function<void(const Ingress&)> look) {
    return loop_->loop->post([loop = loop_.get(), look = std::move(look)] { look(loop->ingress()); });
}

bool Shard::harvest(std::function<void(Activities&&)> take) {
    return loop_->loop->post(
        [loop = loop_.get(), take = std::move(take)] { take(loop->ingress().take_activities()); });
}

Activities Shard::last_harvest() {
    return loop_->ingress().take_activities();
}

std::optional<ShardSnapshot> Shard::snapshot(milliseconds patience) {
    auto promise = std::make_shared<std::promise<ShardSnapshot>>();
    auto answer = promise->get_future();
    if (!loop_->loop->post([loop = loop_.get(), promise] { promise->set_value(loop->snapshot()); })) {
        return std::nullopt;
    }
    if (answer.wait_for(patience) != std::future_status::ready) return std::nullopt;
    return answer.get();
}

void Shard::beat(std::function<void()> beat) {
    (void)loop_->loop->post(std::move(beat));
}

}  // namespace narrowgate::daemon
