// SPDX-License-Identifier: Apache-2.0
//
// Stored replies. A commit's replies are among its page's effects; when the journal is folded they move into
// rows of their own, many a row, since they outlive their pages. On-disk form: docs/store.md.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/store/unit.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// The body of one row, in the making.
class ReplyList {
public:
    void add(const StoredReply& reply);
    const Bytes& bytes() const { return bytes_; }
    WallTime expires() const { return expires_; }  // of the last to expire

private:
    Bytes bytes_;
    WallTime previous_{};
    WallTime expires_{};
};

// Nothing when the bytes are not a whole list.
std::optional<std::vector<StoredReply>> decode_replies(ByteView bytes);

// Throws SqlFault. Thread: the writer's.
class ReplyTable {
public:
    // `max_bytes`: of all rows; a row is closed at a 64th of it, so that giving one up costs little.
    ReplyTable(Database& database, std::uint64_t max_bytes);

    // A reply that is on disk in a journal page not folded yet.
    void add(const StoredReply& reply);
    std::size_t unfolded_bytes() const { return unfolded_bytes_; }

    // What was added so far is what the next fold writes, and no more.
    void begin_fold();
    // Within the caller's transaction: writes that, less what has expired; then deletes expired rows from the
    // oldest on, and whatever exceeds the bound.
    void fold(WallTime now);
    void expire(WallTime now);                 // the latter alone
    void fold_done();                          // … which was committed
    void recount() { stored_bytes_.reset(); }  // … or rolled back

    // Every reply in a row that has not expired, oldest first; returns how many rows cannot be read.
    std::size_t load(WallTime now, const std::function<void(StoredReply&&)>& take);

private:
    void count_stored();

    Database& database_;
    std::uint64_t max_bytes_;
    Statement insert_;
    Statement oldest_;
    Statement remove_;
    std::vector<ReplyList> unfolded_;
    std::vector<ReplyList> folding_;
    std::size_t unfolded_bytes_ = 0;
    std::optional<std::uint64_t> stored_bytes_;  // in rows; nothing: to be counted
};

}  // namespace narrowgate::store
