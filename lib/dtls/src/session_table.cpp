// SPDX-License-Identifier: Apache-2.0
#include "session_table.hpp"

#include <algorithm>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::dtls {

SessionTable::SessionTable() : seed_(crypto::random_u64()) {}

std::uint64_t SessionTable::cid_hash(ByteView cid) const {
    return mix(ByteReader(cid).unsigned_integer(cid.size()), seed_);
}

void SessionTable::reserve(std::size_t sessions) {
    chunks_.reserve(sessions / kChunk + 1);
}

Session& SessionTable::insert(Session&& session) {
    if (free_.empty()) {
        const auto first = static_cast<std::uint32_t>(chunks_.size() * kChunk);
        chunks_.push_back(std::make_unique<std::array<Session, kChunk>>());
        for (std::uint32_t i = kChunk; i-- > 0;)
            free_.push_back(first + i);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    Session& placed = at(slot) = std::move(session);
    by_id_.insert(mix(placed.id, seed_), slot);
    by_credential_.insert(mix(placed.credential, seed_), slot);
    if (placed.is_address_bound()) {
        by_path_.insert(hash_of(placed.path, seed_), slot);
    } else {
        by_cid_.insert(cid_hash(placed.records.own_cid.view()), slot);
    }
    return placed;
}

void SessionTable::erase(Session& session) {
    const std::uint32_t slot = slot_of(session);
    by_id_.erase(mix(session.id, seed_), slot);
    by_credential_.erase(mix(session.credential, seed_), slot);
    if (session.is_address_bound()) {
        by_path_.erase(hash_of(session.path, seed_), slot);
    } else {
        by_cid_.erase(cid_hash(session.records.own_cid.view()), slot);
    }
    session = Session{};  // wipes its keys
    free_.push_back(slot);
}

Session* SessionTable::find(SessionId id) {
    const auto slot = by_id_.find(mix(id, seed_), [&](std::uint32_t each) { return at(each).id == id; });
    return slot ? &at(*slot) : nullptr;
}

const Session* SessionTable::find(SessionId id) const {
    const auto slot = by_id_.find(mix(id, seed_), [&](std::uint32_t each) { return at(each).id == id; });
    return slot ? &at(*slot) : nullptr;
}

Session* SessionTable::find_cid(ByteView cid) {
    const auto slot = by_cid_.find(cid_hash(cid), [&](std::uint32_t each) {
        return std::ranges::equal(at(each).records.own_cid.view(), cid);
    });
    return slot ? &at(*slot) : nullptr;
}

std::uint32_t SessionTable::slot_of(const Session& session) const {
    return *by_id_.find(mix(session.id, seed_), [&](std::uint32_t each) { return &at(each) == &session; });
}

}  // namespace narrowgate::dtls
