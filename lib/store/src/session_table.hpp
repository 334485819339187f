// SPDX-License-Identifier: Apache-2.0
//
// Sessions: the table, and what the journal says about them since it was last folded into it.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "effects.hpp"
#include "narrowgate/base/log.hpp"
#include "sealer.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the writer's.
class SessionTable {
public:
    SessionTable(Database& database, const Sealer& sealer);

    SealedSession seal(const SessionRow& row) const;

    // Remembers an effect that is in the journal.
    void apply(Effect&& effect);
    std::size_t unfolded() const { return changes_.size(); }  // sessions with effects
    // Writes them to the table; inside the caller's transaction, and folded() after its commit.
    void fold();
    void folded();

    // Both expect a folded table.
    std::uint64_t count() const { return count_; }
    std::uint64_t remove_of(CredentialId credential);  // returns how many
    void recount();

    // Hands over every session of a credential in use. Returns the ids of the rows that could not be read.
    std::vector<SessionId> load(const std::function<void(SessionRow&&)>& take);
    // Without their secrets, the one seen last first.
    std::vector<SessionRow> last(std::size_t count);
    bool known(SessionId session);  // and its credential in use
    void remove(SessionId session) { remove_.run(session); }

private:
    // A row without its secret; nothing when a column cannot be read.
    static std::optional<SessionRow> read(const Query& query);

    struct Change {
        bool closed = false;
        std::optional<SealedSession> open;
        std::optional<SessionMark> mark;
    };

    Database& database_;
    const Sealer& sealer_;
    Statement insert_;
    Statement update_;
    Statement remove_;
    Statement remove_of_;
    Statement known_;
    std::unordered_map<SessionId, Change> changes_;
    std::uint64_t count_ = 0;
};

}  // namespace narrowgate::store
