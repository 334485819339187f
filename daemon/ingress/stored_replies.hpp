// SPDX-License-Identifier: Apache-2.0
//
// Answers of the last minutes that are on disk, until their sessions are loaded. They decide whether a
// request is a retransmission, so they must be with a session from its first record on, however it comes into
// memory.
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "narrowgate/store/unit.hpp"

namespace narrowgate::daemon {

// Thread: any.
class StoredReplies {
public:
    void add(store::StoredReply&& reply) {
        const std::scoped_lock lock(mutex_);
        replies_[reply.session].push_back(std::move(reply));
    }
    // Those of a session, oldest first, which are no longer here then.
    std::vector<store::StoredReply> take(store::SessionId session) {
        const std::scoped_lock lock(mutex_);
        auto node = replies_.extract(session);
        return node.empty() ? std::vector<store::StoredReply>{} : std::move(node.mapped());
    }
    // All are loaded: what is left is of sessions that have ended.
    void clear() {
        const std::scoped_lock lock(mutex_);
        replies_.clear();
    }

private:
    std::mutex mutex_;
    std::unordered_map<store::SessionId, std::vector<store::StoredReply>> replies_;
};

}  // namespace narrowgate::daemon
