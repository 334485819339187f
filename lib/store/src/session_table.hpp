// SPDX-License-Identifier: Apache-2.0
//
// Sessions in the tables: `session` holds what never changes, `mark_block` the rest (mark.hpp). The journal
// is folded into both by slices, so that commits go on in between.
#pragma once

#include <optional>
#include <vector>

#include "mark.hpp"
#include "sealer.hpp"
#include "session_changes.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the writer's.
class SessionTable {
public:
    // `count`: of the sessions in the table. `slice_pages`: about so many does a slice of a fold write.
    SessionTable(Database& database, const Sealer& sealer, std::uint64_t count, std::size_t slice_pages);

    SealedSession seal(const SessionRow& row) const;

    // Remembers an effect that is in the journal.
    template <class T>
    void apply(T&& effect) {
        changes_.apply(std::forward<T>(effect));
    }
    const SessionChanges& unfolded() const { return changes_; }
    // About how many database pages a fold would write now.
    std::size_t fold_cost() const;

    // A fold takes over what is unfolded now; none may be in progress.
    void begin_fold();
    bool folding() const { return folding_.has_value(); }
    // Writes the next part of it, within the caller's transaction. True when that was the last: then
    // fold_done() follows the commit, and slice_done() otherwise.
    bool fold_slice();
    void slice_done();
    void fold_done();
    // All of it at once, within the caller's transaction, where nothing else happens to sessions meanwhile.
    void fold_now();
    // … which was rolled back: the table has `count` sessions, as before.
    void abandon(std::uint64_t count);
    // Within the caller's transaction: every session goes. Nothing may be unfolded.
    void clear();

    std::uint64_t count() const { return count_; }
    // … after the slice that was written last.
    std::uint64_t count_after() const { return count_ + gained_; }

private:
    struct Fold {
        SessionChanges changes;
        std::vector<MarkChange> marks;
        std::size_t next = 0;         // of marks
        std::size_t after_slice = 0;  // next, once the slice is committed
    };

    void put(const SealedSession& session);
    void remove(SessionId session);
    void write_block(std::int64_t first, std::span<const MarkBlock> blocks);

    Database& database_;
    const Sealer& sealer_;
    Statement insert_;
    Statement replace_;
    Statement remove_;
    Statement of_credential_;
    Statement credential_in_use_;
    Statement block_;
    Statement next_block_;
    Statement put_block_;
    Statement remove_block_;
    SessionChanges changes_;
    std::optional<Fold> folding_;
    const std::size_t slice_pages_;
    std::uint64_t count_ = 0;
    std::uint64_t gained_ = 0;  // by the slice being written; wraps where it lost some
};

}  // namespace narrowgate::store
