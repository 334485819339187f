// SPDX-License-Identifier: Apache-2.0
#include "handshake_pool.hpp"

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::dtls {
namespace {

std::uint64_t key_of(ByteView cid) {
    return ByteReader(cid).unsigned_integer(cid.size());
}

}  // namespace

HandshakePool::HandshakePool(std::size_t capacity)
    : capacity_(capacity), by_path_(0, PathHash{crypto::random_u64()}) {}

Handshake* HandshakePool::find(const Path& path) const {
    const auto found = by_path_.find(path);
    return found == by_path_.end() ? nullptr : found->second.handshake.get();
}

Handshake* HandshakePool::find_cid(ByteView cid) const {
    const auto found = by_cid_.find(key_of(cid));
    return found == by_cid_.end() ? nullptr : found->second;
}

Handshake& HandshakePool::add(std::unique_ptr<Handshake> handshake) {
    Handshake& added = *handshake;
    by_path_.insert_or_assign(added.path(), Entry{std::move(handshake), std::nullopt});
    if (!added.cid().empty()) by_cid_.emplace(key_of(added.cid()), &added);
    return added;
}

void HandshakePool::reschedule(Handshake& handshake) {
    auto& scheduled = by_path_.at(handshake.path()).scheduled;
    if (scheduled) timers_.erase({*scheduled, &handshake});
    scheduled = handshake.deadline();
    if (scheduled) timers_.emplace(*scheduled, &handshake);
}

std::unique_ptr<Handshake> HandshakePool::take(Handshake& handshake) {
    const auto found = by_path_.find(handshake.path());
    if (found->second.scheduled) timers_.erase({*found->second.scheduled, &handshake});
    if (!handshake.cid().empty()) by_cid_.erase(key_of(handshake.cid()));
    auto taken = std::move(found->second.handshake);
    by_path_.erase(found);
    return taken;
}

std::optional<SteadyTime> HandshakePool::next_deadline() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first;
}

Handshake* HandshakePool::due(SteadyTime now) const {
    return timers_.empty() || timers_.begin()->first > now ? nullptr : timers_.begin()->second;
}

}  // namespace narrowgate::dtls
