// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/shard_loop.hpp"

#include <fmt/format.h>
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

ShardLoop::ShardLoop(std::unique_ptr<io::EventLoop> its_loop, io::Channel<HandedOver> its_channel,
                     Shard::Parts&& parts)
    : loop(std::move(its_loop)),
      handed_over(std::move(its_channel)),
      sockets_(std::move(parts.sockets)),
      store_(parts.store),
      shard_(parts.options.shard),
      map_(parts.map),
      neighbours_(parts.neighbours),
      ingress_(parts.options, parts.credentials, parts.cookie_key, parts.order, std::move(parts.policies),
               outside(std::move(parts.offence)), parts.log, parts.admission) {}

Ingress::Outside ShardLoop::outside(std::function<void(const Offence&)> offence) {
    return {
        .send = [this](const Path& path, ByteView datagram) { send(path, datagram); },
        .submit =
            [this](store::Unit&& unit) {
                unit.sink = sink;
                return store_.submit(std::move(unit));
            },
        .offence = std::move(offence),
        .retired = [this](store::CredentialId credential) { neighbours_.retired(credential); },
        .tell_others = [this](const NewerSession& newer) { neighbours_.tell_others(shard_, newer); },
        .service_time = [this] { return store_.service_time(); },
    };
}

void ShardLoop::load_from(std::unique_ptr<store::SessionReader> reader, StoredReplies& replies,
                          std::size_t room, const Clock& clock) {
    replies_ = &replies;
    const auto found = [this, &clock](store::SessionId session) {
        for (const store::StoredReply& reply : replies_->take(session))
            ingress_.restore(reply, clock.now());
    };
    shelf_ = std::make_unique<DiskSessionShelf>(
        std::move(reader), map_, shard_, clock,
        DiskSessionShelf::Outside{.service_time = [this] { return store_.service_time(); }, .found = found});
    ingress_.reserve(room);
    ingress_.load_from(shelf_.get());
}

std::vector<dtls::Restored> ShardLoop::restore(std::vector<store::SessionRow>&& rows) {
    std::vector<dtls::Restored> restored;
    restored.reserve(rows.size());
    for (store::SessionRow& row : rows) {
        auto replies = replies_->take(row.id);
        restored.push_back(ingress_.restore(std::move(row), std::move(replies), loop->now()));
    }
    arm();
    return restored;
}

void ShardLoop::loaded() {
    ingress_.load_from(nullptr);
    shelf_.reset();
    replies_ = nullptr;
}

void ShardLoop::run() {
    (void)pthread_setname_np(pthread_self(), fmt::format("ingress {}", shard_).c_str());
    deadline_ = loop->timer([this] { on_deadline(); });
    for (io::UdpSocket& socket : sockets_) {
        readable_.push_back(
            loop->watch(socket.fd(), io::Ready::kRead, [this, &socket](io::Ready) { on_readable(socket); }));
    }
    readable_.push_back(
        loop->watch(handed_over.fd(), io::Ready::kRead, [this](io::Ready) { on_handed_over(); }));
    arm();
    loop->run();
    readable_.clear();
    deadline_ = io::Source();
    loaded();
}

void ShardLoop::on_readable(io::UdpSocket& socket) {
    const Now now = loop->now();
    bool behind = true;
    for (int batch = 0; behind && batch < kBatchesInARow; ++batch) {
        const std::size_t taken =
            socket.receive([&](ByteView datagram, const Path& path) { dispatch(path, datagram, now); });
        behind = taken == io::UdpSocket::kBatch;
    }
    ingress_.set_behind(behind);
    finish_turn();
}

void ShardLoop::dispatch(const Path& path, ByteView datagram, Now now) {
    const std::uint8_t owner = map_.owner_of(datagram, path);
    if (owner == shard_) {
        ingress_.on_datagram(datagram, path, now);
    } else if (neighbours_.hand_over(owner, path, datagram)) {
        ++handed_over_;
    } else {
        ++hand_overs_dropped_;
    }
}

void ShardLoop::on_handed_over() {
    handed_over.drain(batch_);
    const Now now = loop->now();
    for (const HandedOver& handed : batch_)
        ingress_.on_datagram(handed.datagram, handed.path, now);
    finish_turn();
}

void ShardLoop::on_deadline() {
    ingress_.advance(loop->now());
    finish_turn();
}

void ShardLoop::on_completions(std::span<const store::Completion> completions) {
    ingress_.on_completions(completions, loop->now());
    finish_turn();
    if (draining_ && ingress_.pending() == 0) loop->stop();
}

void ShardLoop::drain() {
    readable_.clear();
    draining_ = true;
    if (ingress_.pending() == 0) loop->stop();
}

void ShardLoop::finish_turn() {
    for (io::UdpSocket& socket : sockets_)
        socket.flush();
    arm();
}

void ShardLoop::arm() {
    const SteadyTime idle = loop->now().steady + kIdleTurn;
    deadline_.arm(std::min(idle, ingress_.next_deadline().value_or(idle)));
}

// Replies leave through the socket that listens on the port they were asked at.
void ShardLoop::send(const Path& path, ByteView datagram) {
    const auto fits = [&path](const io::UdpSocket& socket) {
        const Address& bound = socket.local();
        const bool any = bound.ip == std::array<std::uint8_t, 16>{} || bound.text().starts_with("0.0.0.0:");
        return bound.port == path.local.port && (any || bound.ip == path.local.ip);
    };
    const auto socket = std::find_if(sockets_.begin(), sockets_.end(), fits);
    // A session restored from another configuration may name a port that is no longer listened on.
    if (socket != sockets_.end()) socket->send(path, datagram);
}

ShardSnapshot ShardLoop::snapshot() const {
    ShardSnapshot now;
    now.ingress = ingress_.counters();
    now.dtls = ingress_.endpoint().counters();
    for (const io::UdpSocket& socket : sockets_) {
        const io::UdpCounters& counters = socket.counters();
        now.udp.received += counters.received;
        now.udp.oversized += counters.oversized;
        now.udp.sent += counters.sent;
        now.udp.send_failures += counters.send_failures;
        now.kernel_drops += socket.kernel_drops();
    }
    now.sessions = ingress_.endpoint().sessions();
    now.handshakes = ingress_.endpoint().handshakes();
    now.penalised = ingress_.penalised(loop->now());
    now.duplicates = ingress_.messages().count(coap::MessageFate::kDuplicateAnswered) +
                     ingress_.messages().count(coap::MessageFate::kDuplicateInProgress);
    now.handed_over = handed_over_;
    now.hand_overs_dropped = hand_overs_dropped_;
    now.pools = ingress_.pools();
    return now;
}

}  // namespace narrowgate::daemon
