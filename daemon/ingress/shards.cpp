// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/shards.hpp"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "daemon/events.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/io/udp_group.hpp"

namespace narrowgate::daemon {
namespace {

// RFC 6347 section 4.1: type, version, epoch, sequence number, length.
constexpr std::size_t kRecordHeaderBytes = 13;
// ContentType tls12_cid (RFC 9146 section 4).
constexpr std::uint8_t kCidRecord = 25;
// The nibble of a CID's first byte that says the shard (dtls::ShardMap).
constexpr std::uint8_t kShardNibble = 0x0f;

// Between two attempts to tell a shard whose loop takes no more.
constexpr milliseconds kTellAgain{10};
// For handing on what waits in sockets of shards that are no more.
constexpr seconds kSurplusPatience{5};

io::UdpSteering steering_of(const dtls::Options& options) {
    return {.marked = kCidRecord,
            .key_at = dtls::kCidOffset,
            .key_mask = kShardNibble,
            .marked_bytes = kRecordHeaderBytes + options.cid_bytes,
            .other_bytes = kRecordHeaderBytes};
}

std::array<std::uint8_t, 16> random_key() {
    std::array<std::uint8_t, 16> key{};
    crypto::fill_random(key);
    return key;
}

void warn_of_small_buffers(const io::UdpSocket& socket, Log& log) {
    const int given = socket.receive_buffer_bytes();
    if (given >= io::kReceiveBufferBytes) return;
    log.write(
        kEvent<"gateway.small_receive_buffer">, {},
        {fmt::format("the kernel gives {} a receive buffer of {} KiB, not {}: datagrams that come during a "
                     "slow commit or a restart may be lost, and nodes send them again",
                     socket.local().text(), given / 1024, io::kReceiveBufferBytes / 1024),
         fmt::format("sysctl -w net.core.rmem_max={}", io::kReceiveBufferBytes)});
}

}  // namespace

Shards::Shards(std::uint8_t count, CredentialDirectory& credentials)
    : map_(count, random_key()), credentials_(credentials) {}

Shards::~Shards() {
    stop(milliseconds(0));
}

Expected<std::unique_ptr<Shards>> Shards::open(Parts parts) {
    const std::uint8_t count = parts.options.shards;
    std::vector<std::vector<io::UdpSocket>> sockets(count);
    std::vector<Surplus> surplus;
    for (const Address& address : parts.listen) {
        std::vector<io::UdpSocket> kept;
        if (parts.sockets != nullptr) kept = parts.sockets->take(address);
        const std::size_t known = std::min<std::size_t>(kept.size(), count);
        auto group = io::open_udp_group({.listen = address}, count, steering_of(parts.options), kept);
        if (!group) return std::unexpected(group.error());
        if (parts.sockets != nullptr) parts.sockets->keep(*group, known);
        warn_of_small_buffers(group->front(), parts.log);
        for (std::size_t i = 0; i < kept.size(); ++i)
            surplus.push_back({.socket = std::move(kept[i]), .number = count + i});
        for (std::size_t i = 0; i < count; ++i)
            sockets[i].push_back(std::move((*group)[i]));
    }
    std::array<std::uint8_t, 32> cookie_key{};
    crypto::fill_random(cookie_key);

    std::unique_ptr<Shards> shards(new Shards(count, parts.credentials));
    shards->sockets_ = parts.sockets;
    shards->surplus_ = std::move(surplus);
    for (std::uint8_t i = 0; i < count; ++i) {
        dtls::Options options = parts.options;
        options.shard = i;
        // Handshakes are a bound of the gateway, not of a thread.
        options.max_handshakes = std::max<std::size_t>(1, options.max_handshakes / count);
        auto shard = Shard::create({.options = options,
                                    .sockets = std::move(sockets[i]),
                                    .map = shards->map_,
                                    .neighbours = *shards,
                                    .order = shards->order_,
                                    .credentials = parts.credentials,
                                    .cookie_key = cookie_key,
                                    .policies = parts.policies,
                                    .store = parts.store,
                                    .log = parts.log,
                                    .admission = parts.admission.divided_by(count),
                                    .offence = parts.offence});
        if (!shard) return std::unexpected(shard.error());
        shards->shards_.push_back(std::move(*shard));
    }
    return shards;
}

void Shards::start() {
    for (const auto& shard : shards_)
        shard->start();
    close_surplus();
}

// What waits in them goes where it belongs. From the highest number down: the kernel gives the number of a
// socket that is closed to the last one of its group.
void Shards::close_surplus() {
    const SteadyTime deadline = std::chrono::steady_clock::now() + kSurplusPatience;
    const auto in_time = [&] { return std::chrono::steady_clock::now() < deadline; };
    const auto hand_on = [&](ByteView datagram, const Path& path) {
        Shard& owner = *shards_[map_.owner_of(datagram, path)];
        while (!owner.take(path, datagram) && in_time())
            std::this_thread::sleep_for(kTellAgain);
    };
    for (; !surplus_.empty(); surplus_.pop_back()) {
        auto& [socket, number] = surplus_.back();
        sockets_->release(socket, number);
        while (socket.receive(hand_on) == io::UdpSocket::kBatch && in_time()) {
        }
    }
}

void Shards::stop(milliseconds patience) {
    for (const auto& shard : shards_)
        shard->begin_stop();
    const SteadyTime deadline = std::chrono::steady_clock::now() + patience;
    for (const auto& shard : shards_) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        shard->stop(std::max(left, milliseconds(0)));
    }
}

Shard& Shards::owner_of(const store::SessionRow& row) const {
    return *shards_[map_.owner_of_session(row.cid, row.path)];
}

void Shards::set_policies(const std::shared_ptr<const Policies>& policies) {
    for (const auto& shard : shards_)
        (void)shard->set_policies(policies);
}

void Shards::end_sessions_of(const std::vector<dtls::CredentialId>& credentials) {
    for (const auto& shard : shards_)
        (void)shard->end_sessions_of(credentials);
}

bool Shards::forget(std::vector<dtls::SessionId>&& sessions, milliseconds patience) {
    const auto shared = std::make_shared<const std::vector<dtls::SessionId>>(std::move(sessions));
    const SteadyTime deadline = std::chrono::steady_clock::now() + patience;
    for (const auto& shard : shards_) {
        while (!shard->forget(shared)) {
            if (std::chrono::steady_clock::now() >= deadline) return false;
            std::this_thread::sleep_for(kTellAgain);
        }
    }
    return true;
}

std::vector<std::optional<ShardSnapshot>> Shards::snapshots(milliseconds patience) {
    std::vector<std::optional<ShardSnapshot>> snapshots;
    snapshots.reserve(shards_.size());
    for (const auto& shard : shards_)
        snapshots.push_back(shard->snapshot(patience));
    return snapshots;
}

bool Shards::hand_over(std::uint8_t owner, const Path& path, ByteView datagram) {
    return shards_[owner]->take(path, datagram);
}

// A shard that cannot be told keeps an old session a while longer: it ends when its credential shakes hands
// again, or by its silence.
void Shards::tell_others(std::uint8_t shard, const NewerSession& newer) {
    for (std::size_t i = 0; i < shards_.size(); ++i)
        if (i != shard) (void)shards_[i]->end_others(newer);
}

void Shards::retired(store::CredentialId credential) {
    credentials_.remove(std::array{credential});
    end_sessions_of({credential});
}

}  // namespace narrowgate::daemon
