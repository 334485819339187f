// SPDX-License-Identifier: Apache-2.0
//
// All sessions of an endpoint, in a slab, found in O(1) by id, by CID, by path (those without CID) and by
// credential.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "session.hpp"
#include "slot_index.hpp"

namespace narrowgate::dtls {

class SessionTable {
public:
    SessionTable();

    // Takes the session in under its id, CID or path, and credential, which do not change from then on. The
    // address of what is returned is stable until it is erased. Its id and CID must be new here.
    Session& insert(Session&& session);
    void erase(Session& session);

    // Null when there is none.
    Session* find(SessionId id);
    const Session* find(SessionId id) const;
    Session* find_cid(ByteView cid);

    // Calls `visit(Session&)` for the sessions bound to `path` until it returns true; whether one did.
    template <class Visit>
    bool any_at(const Path& path, Visit visit) {
        return by_path_
            .find(hash_of(path, seed_),
                  [&](std::uint32_t slot) { return at(slot).path == path && visit(at(slot)); })
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

    std::uint32_t slot_of(const Session& session) const;
    Session& at(std::uint32_t slot) { return (*chunks_[slot / kChunk])[slot % kChunk]; }
    const Session& at(std::uint32_t slot) const { return (*chunks_[slot / kChunk])[slot % kChunk]; }
    // Slots below this one are or were in use; a free one has id 0.
    std::uint32_t slots() const { return static_cast<std::uint32_t>(chunks_.size() * kChunk); }
    void reserve(std::size_t sessions);
    std::size_t size() const { return by_id_.size(); }

private:
    static constexpr std::size_t kChunk = 256;  // sessions allocated at once

    std::uint64_t cid_hash(ByteView cid) const;

    std::uint64_t seed_;
    std::vector<std::unique_ptr<std::array<Session, kChunk>>> chunks_;
    std::vector<std::uint32_t> free_;
    SlotIndex by_id_;
    SlotIndex by_cid_;
    SlotIndex by_path_;
    SlotIndex by_credential_;
};

}  // namespace narrowgate::dtls
