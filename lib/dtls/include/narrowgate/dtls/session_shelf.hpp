// SPDX-License-Identifier: Apache-2.0
//
// Where an endpoint finds sessions that are not in memory yet, while they are being loaded in the background.
// Implemented outside this room.
#pragma once

#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/dtls/session_record.hpp"

namespace narrowgate::dtls {

// Answers at once, from disk, and gives only sessions that belong to the asking shard (ShardMap). Thread: the
// shard's.
class SessionShelf {
public:
    virtual ~SessionShelf() = default;

    // The session of `cid` into `out`; false when there is none. Strangers can ask: may refuse by a token
    // bucket, which looks to the peer like a lost datagram.
    virtual bool find_by_cid(ByteView cid, SessionRecord& out) = 0;
    // Appends the sessions without CID that are bound to `path`; may refuse too.
    virtual void find_by_path(const Path& path, std::vector<SessionRecord>& out) = 0;
    // Appends all sessions of a credential. Asked for only after an authentic record of it, or on the word of
    // another shard; must not refuse.
    virtual void find_of(CredentialId credential, std::vector<SessionRecord>& out) = 0;
};

}  // namespace narrowgate::dtls
