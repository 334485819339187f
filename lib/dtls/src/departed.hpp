// SPDX-License-Identifier: Apache-2.0
//
// What has ended while sessions are still being loaded: a row that was read before must not bring it back.
#pragma once

#include <unordered_set>

#include "narrowgate/dtls/session_record.hpp"

namespace narrowgate::dtls {

class Departed {
public:
    void add(SessionId session) { sessions_.insert(session); }
    void add_credential(CredentialId credential) { credentials_.insert(credential); }
    // All that was on disk: what came later is in memory, or was added when it ended.
    void add_all() { all_ = true; }

    bool has(SessionId session, CredentialId credential) const {
        return all_ || sessions_.contains(session) || credentials_.contains(credential);
    }

private:
    std::unordered_set<SessionId> sessions_;
    std::unordered_set<CredentialId> credentials_;
    bool all_ = false;
};

}  // namespace narrowgate::dtls
