// SPDX-License-Identifier: Apache-2.0
#include "session_table.hpp"

#include <algorithm>
#include <cstdlib>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::dtls {
namespace {

constexpr std::array kSuites = {CipherSuite::kPskAes128Ccm8, CipherSuite::kPskAes128Ccm,
                                CipherSuite::kPskAes128GcmSha256};

// A gateway has a few addresses of its own. One that has more, keeps the rest with each session.
constexpr std::size_t kMaxLocals = 256;

}  // namespace

SessionTable::SessionTable() : seed_(crypto::random_u64()) {}

std::uint64_t SessionTable::cid_hash(ByteView cid) const {
    return mix(ByteReader(cid).unsigned_integer(cid.size()), seed_);
}

std::uint32_t SessionTable::take_slot(Slot slot) {
    if (slot == Slot::kAny && !free_.empty()) {
        const std::uint32_t taken = free_.back();
        free_.pop_back();
        return taken;
    }
    if (next_slot_ % kChunk == 0) {
        chunks_.push_back(std::make_unique<std::array<CompactSession, kChunk>>());
    }
    return next_slot_++;
}

CompactSession& SessionTable::insert(Session&& session, Slot which) {
    if (session.credential > Uint48::kMax) std::abort();
    const std::uint32_t slot = take_slot(which);
    CompactSession& placed = at(slot);
    const RecordState& records = session.records;
    const ByteView cid = records.own_cid.view();
    placed.id = session.id;
    placed.window = records.window;
    placed.read_key = records.read_key;
    placed.write_key = records.write_key;
    placed.read_iv = records.read_iv;
    placed.write_iv = records.write_iv;
    std::ranges::copy(cid, placed.cid.begin());
    placed.cid_bytes = static_cast<std::uint8_t>(cid.size() & 0x0f);
    placed.heard = HeardAt(session.heard);
    placed.order = session.order;
    placed.traffic = session.traffic;
    placed.credential = session.credential;
    placed.next_sequence = records.next_sequence;
    placed.lease_end = records.lease_end;
    placed.right_edge = records.right_edge;
    placed.path_sequence = session.path_sequence;
    const auto suite = std::ranges::find(kSuites, records.suite) - kSuites.begin();
    placed.suite = static_cast<std::uint8_t>(suite & 0x03);
    placed.confirmed = session.confirmed;
    placed.durable = session.durable;

    by_id_.insert(mix(placed.id, seed_), slot);
    by_credential_.insert(mix(placed.credential, seed_), slot);
    if (cid.empty()) {
        by_path_.insert(hash_of(session.path, seed_), slot);
    } else {
        by_cid_.insert(cid_hash(cid), slot);
    }
    set_path(placed, session.path);
    if (!records.peer_cid.empty() || session.max_fragment != 0 || session.unconfirmed) {
        SessionExtras& extras = make_extras(placed);
        extras.peer_cid = records.peer_cid;
        extras.max_fragment = session.max_fragment;
        extras.unconfirmed = std::move(session.unconfirmed);
    }
    return placed;
}

void SessionTable::erase(CompactSession& session) {
    const std::uint32_t slot = slot_of(session);
    if (session.is_address_bound()) {
        by_path_.erase(hash_of(path_of(session), seed_), slot);
    } else {
        by_cid_.erase(cid_hash(session.own_cid()), slot);
    }
    by_credential_.erase(mix(session.credential, seed_), slot);
    by_id_.erase(mix(session.id, seed_), slot);  // last: slot_of() needs it
    if (session.has_extras) extras_.erase(slot);
    session = CompactSession{};
    free_.push_back(slot);
}

CompactSession* SessionTable::find(SessionId id) {
    const auto slot = by_id_.find(mix(id, seed_), [&](std::uint32_t each) { return at(each).id == id; });
    return slot ? &at(*slot) : nullptr;
}

const CompactSession* SessionTable::find(SessionId id) const {
    const auto slot = by_id_.find(mix(id, seed_), [&](std::uint32_t each) { return at(each).id == id; });
    return slot ? &at(*slot) : nullptr;
}

std::uint32_t SessionTable::slot_of(const CompactSession& session) const {
    return *by_id_.find(mix(session.id, seed_), [&](std::uint32_t each) { return &at(each) == &session; });
}

RecordState SessionTable::records_of(const CompactSession& session) const {
    RecordState records;
    records.suite = kSuites[session.suite];
    records.read_key = session.read_key;
    records.write_key = session.write_key;
    records.read_iv = session.read_iv;
    records.write_iv = session.write_iv;
    records.own_cid.assign(session.own_cid());
    if (const SessionExtras* extras = extras_of(session)) records.peer_cid = extras->peer_cid;
    records.next_sequence = session.next_sequence;
    records.lease_end = session.lease_end;
    records.right_edge = session.right_edge;
    records.window = session.window;
    return records;
}

Path SessionTable::path_of(const CompactSession& session) const {
    const SessionExtras* extras = extras_of(session);
    if (extras != nullptr && extras->path) return *extras->path;
    return {locals_[session.local], {session.remote_ip, session.remote_port, 0}};
}

void SessionTable::set_path(CompactSession& session, const Path& path) {
    auto local = std::ranges::find(locals_, path.local);
    if (local == locals_.end() && locals_.size() < kMaxLocals) {
        local = locals_.insert(locals_.end(), path.local);
    }
    if (local == locals_.end() || path.remote.scope != 0) {
        make_extras(session).path = std::make_unique<Path>(path);
        return;
    }
    session.remote_ip = path.remote.ip;
    session.remote_port = path.remote.port;
    session.local = static_cast<std::uint16_t>(local - locals_.begin());
    if (SessionExtras* extras = extras_of(session); extras != nullptr && extras->path) {
        extras->path.reset();
        drop_empty_extras(session);
    }
}

SessionExtras* SessionTable::extras_of(const CompactSession& session) {
    return session.has_extras ? &extras_.at(slot_of(session)) : nullptr;
}

const SessionExtras* SessionTable::extras_of(const CompactSession& session) const {
    return session.has_extras ? &extras_.at(slot_of(session)) : nullptr;
}

SessionExtras& SessionTable::make_extras(CompactSession& session) {
    session.has_extras = 1;
    return extras_[slot_of(session)];
}

void SessionTable::drop_empty_extras(CompactSession& session) {
    const SessionExtras* extras = extras_of(session);
    if (extras == nullptr || !extras->empty()) return;
    extras_.erase(slot_of(session));
    session.has_extras = 0;
}

void SessionTable::reserve(std::size_t sessions) {
    chunks_.reserve(sessions / kChunk + 1);
    by_id_.reserve(sessions);
    by_credential_.reserve(sessions + sessions / 32);
    by_cid_.reserve(sessions + sessions / 16);
}

}  // namespace narrowgate::dtls
