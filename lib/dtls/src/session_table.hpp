// SPDX-License-Identifier: Apache-2.0
//
// All sessions of an endpoint, in a slab, found in O(1) by id, by CID, by path (those without CID) and by
// credential. Packs and unpacks them.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "compact_session.hpp"
#include "slot_index.hpp"

namespace narrowgate::dtls {

class SessionTable {
public:
    SessionTable();

    // Which slot a session may be given.
    enum class Slot : std::uint8_t { kAny, kNeverUsed };

    // Takes the session in under its id, CID or path, and credential, which do not change from then on. The
    // address of what is returned is stable until it is erased. Its id must be new here.
    CompactSession& insert(Session&& session, Slot slot);
    // Wipes its keys.
    void erase(CompactSession& session);

    // Null when there is none.
    CompactSession* find(SessionId id);
    const CompactSession* find(SessionId id) const;

    // Calls `visit(CompactSession&)` for the sessions of a CID (more than one only by chance, while some are
    // being loaded) until it returns true; whether one did.
    template <class Visit>
    bool any_with(ByteView cid, Visit visit) {
        return by_cid_
            .find(cid_hash(cid),
                  [&](std::uint32_t slot) {
                      return std::ranges::equal(at(slot).own_cid(), cid) && visit(at(slot));
                  })
            .has_value();
    }
    // The same for the sessions bound to `path`.
    template <class Visit>
    bool any_at(const Path& path, Visit visit) {
        return by_path_
            .find(hash_of(path, seed_),
                  [&](std::uint32_t slot) { return path_of(at(slot)) == path && visit(at(slot)); })
            .has_value();
    }
    // The same for the sessions of a credential.
    template <class Visit>
    bool any_of(CredentialId credential, Visit visit) {
        return by_credential_
            .find(mix(credential, seed_),
                  [&](std::uint32_t slot) { return at(slot).credential == credential && visit(at(slot)); })
            .has_value();
    }

    // What a record is opened or sealed with; keep what it changed in the session.
    RecordState records_of(const CompactSession& session) const;
    Path path_of(const CompactSession& session) const;
    void set_path(CompactSession& session, const Path& path);

    // Null when there are none; made, when there are to be some.
    SessionExtras* extras_of(const CompactSession& session);
    const SessionExtras* extras_of(const CompactSession& session) const;
    SessionExtras& make_extras(CompactSession& session);
    // After something in them became empty.
    void drop_empty_extras(CompactSession& session);

    std::uint32_t slot_of(const CompactSession& session) const;
    CompactSession& at(std::uint32_t slot) { return (*chunks_[slot / kChunk])[slot % kChunk]; }
    const CompactSession& at(std::uint32_t slot) const { return (*chunks_[slot / kChunk])[slot % kChunk]; }
    // Slots below this one are or were in use.
    std::uint32_t slots() const { return next_slot_; }
    std::size_t size() const { return by_id_.size(); }
    // Makes room for so many in the indexes.
    void reserve(std::size_t sessions);

private:
    static constexpr std::size_t kChunk = 256;  // sessions allocated at once

    std::uint64_t cid_hash(ByteView cid) const;
    std::uint32_t take_slot(Slot slot);

    std::uint64_t seed_;
    std::vector<std::unique_ptr<std::array<CompactSession, kChunk>>> chunks_;
    std::uint32_t next_slot_ = 0;
    std::vector<std::uint32_t> free_;
    std::unordered_map<std::uint32_t, SessionExtras> extras_;  // by slot
    std::vector<Address> locals_;                              // ours that sessions have been seen on
    // Each an eighth larger with each step; they take their steps one after the other.
    SlotIndex by_id_{48};
    SlotIndex by_credential_{50};
    SlotIndex by_cid_{52};
    SlotIndex by_path_{52};
};

}  // namespace narrowgate::dtls
