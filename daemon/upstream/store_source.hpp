// SPDX-License-Identifier: Apache-2.0
//
// The store as an upstream sees it.
#pragma once

#include <atomic>
#include <memory>

#include "daemon/upstream/reading_source.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// How far the store has committed: written by its writer's on_commit(), read by every upstream.
// Make it before the first submit().
class CommittedHead {
public:
    explicit CommittedHead(const store::Store& store) : head_(store.head()) {}
    void advance(store::ReadingNumber head) { head_.store(head, std::memory_order_release); }
    store::ReadingNumber get() const { return head_.load(std::memory_order_acquire); }

private:
    std::atomic<store::ReadingNumber> head_;
};

// Readings of `store` for `upstream`. `store` and `head` outlive it.
Expected<std::unique_ptr<ReadingSource>> store_source(store::Store& store, store::UpstreamId upstream,
                                                      const CommittedHead& head);

}  // namespace narrowgate::daemon
