// SPDX-License-Identifier: Apache-2.0
//
// What journal pages say about sessions and is not yet in the tables, in memory: packed, and bounded by the
// thresholds at which the engine folds (upkeep.cpp).
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "effects.hpp"
#include "mark.hpp"

namespace narrowgate::store {

// Marks one after the other, as they come: u64 session, u8 length, the packed mark. A session that wakes
// often is in it often; the last one counts.
class MarkLog {
public:
    void add(const SessionMark& mark);
    std::size_t count() const { return count_; }
    // The last mark of each session as an update, ascending; valid as long as the log is unchanged.
    std::vector<MarkChange> last_of_each() const;

private:
    std::vector<Bytes> chunks_;  // a chunk never grows beyond what it was made for
    std::size_t count_ = 0;
};

// Thread: the writer's.
class SessionChanges {
public:
    struct Row {
        bool closed = false;                // the row that the table may have goes …
        std::optional<SealedSession> open;  // … and this one comes
    };

    void apply(SealedSession&& session);
    void apply(const SessionClose& close);
    void apply(const SessionMark& mark) { marks_.add(mark); }
    void apply(const SessionsEnd& end);

    bool empty() const { return rows_.empty() && marks_.count() == 0 && ended_.empty(); }
    std::size_t rows() const { return rows_.size() + ended_.size(); }
    std::size_t marks() const { return marks_.count(); }

    // Credentials whose sessions in the table end; those opened before are closed already.
    const std::vector<CredentialId>& ended() const { return ended_; }
    const Row* find(SessionId session) const;
    void close(SessionId session) { rows_[session] = {.closed = true, .open = {}}; }
    // What happens to each session's mark, ascending; valid as long as this is unchanged.
    std::vector<MarkChange> mark_changes() const;

private:
    std::unordered_map<SessionId, Row> rows_;
    std::vector<CredentialId> ended_;
    MarkLog marks_;
};

}  // namespace narrowgate::store
