// SPDX-License-Identifier: Apache-2.0
#include "session_table.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace narrowgate::store {
namespace {

constexpr std::size_t kMarksABlock = 50;
constexpr std::size_t kPagesARow = 3;  // a session opened or closed: its row and two indices

}  // namespace

SessionTable::SessionTable(Database& database, const Sealer& sealer, std::uint64_t count,
                           std::size_t slice_pages)
    : database_(database),
      sealer_(sealer),
      insert_(database,
              "INSERT INTO session(id, credential, cid, sealed, established, path) VALUES(?1, ?2, ?3, ?4, ?5,"
              " ?6) ON CONFLICT(id) DO NOTHING"),
      replace_(database,
               "UPDATE session SET credential = ?2, cid = ?3, sealed = ?4, established = ?5, path = ?6"
               " WHERE id = ?1"),
      remove_(database, "DELETE FROM session WHERE id = ?1"),
      of_credential_(database, "SELECT id FROM session WHERE credential = ?1"),
      credential_in_use_(database, "SELECT 1 FROM credential WHERE id = ?1 AND revoked IS NULL"),
      block_(database, "SELECT first, body FROM mark_block WHERE first <= ?1 ORDER BY first DESC LIMIT 1"),
      next_block_(database, "SELECT first FROM mark_block WHERE first > ?1 ORDER BY first LIMIT 1"),
      put_block_(database,
                 "INSERT INTO mark_block(first, body) VALUES(?1, ?2) ON CONFLICT(first) DO UPDATE SET body ="
                 " ?2"),
      remove_block_(database, "DELETE FROM mark_block WHERE first = ?1"),
      slice_pages_(slice_pages),
      count_(count) {}

SealedSession SessionTable::seal(const SessionRow& row) const {
    SealedSession session;
    session.sealed = sealer_.seal(session_binding(row.id, row.credential, row.cid), row.secret.view());
    session.row = row.with({});
    return session;
}

std::size_t SessionTable::fold_cost() const {
    const auto blocks = static_cast<std::size_t>(count_ / kMarksABlock) + 1;
    return std::min(changes_.marks(), blocks) + changes_.rows() * kPagesARow;
}

void SessionTable::begin_fold() {
    if (changes_.empty()) return;
    Fold fold{.changes = std::exchange(changes_, {}), .marks = {}};
    try {
        for (const auto credential : fold.changes.ended()) {
            Query query(of_credential_, credential);
            while (query.next()) {
                // One opened since then is not of the table, or has been judged by its credential.
                const SessionId id = query.number(0);
                if (fold.changes.find(id) == nullptr) fold.changes.close(id);
            }
        }
    } catch (const SqlFault&) {
        changes_ = std::move(fold.changes);
        throw;
    }
    fold.marks = fold.changes.mark_changes();
    folding_ = std::move(fold);
}

// A block at a time: the changes that fall into it, and its rewriting.
bool SessionTable::fold_slice() {
    auto& marks = folding_->marks;
    gained_ = 0;
    std::size_t at = folding_->next;
    for (std::size_t pages = 0; at < marks.size() && pages < slice_pages_; ++pages) {
        std::int64_t first = std::numeric_limits<std::int64_t>::min();
        Bytes old;
        {
            Query query(block_, marks[at].id);
            if (query.next()) {
                first = query.integer(0);
                const auto body = query.blob(1);
                old.assign(body.begin(), body.end());
            }
        }
        std::optional<std::int64_t> end;
        {
            Query query(next_block_, first);
            if (query.next()) end = query.integer(0);
        }
        const std::size_t begin = at;
        for (; at < marks.size() && (!end || key_of(marks[at].id) < *end); ++at) {
            if (pages >= slice_pages_ && at != begin) break;
            const auto* row = folding_->changes.find(marks[at].id);
            if (row == nullptr) continue;
            pages += kPagesARow;
            if (row->closed) remove(marks[at].id);
            if (row->open && !Query(credential_in_use_, row->open->row.credential).next()) {
                remove(marks[at].id);
                marks[at].kind = MarkChange::Kind::kErase;
            } else if (row->open) {
                put(*row->open);
            }
        }
        write_block(first, merge(old, std::span(marks).subspan(begin, at - begin), sealer_));
    }
    folding_->after_slice = at;
    return at == marks.size();
}

void SessionTable::slice_done() {
    folding_->next = folding_->after_slice;
    count_ = count_after();
    gained_ = 0;
}

void SessionTable::fold_done() {
    slice_done();
    folding_.reset();
}

void SessionTable::fold_now() {
    begin_fold();
    if (!folding()) return;
    while (!fold_slice())
        slice_done();
    fold_done();
}

void SessionTable::abandon(std::uint64_t count) {
    changes_ = {};
    folding_.reset();
    count_ = count;
    gained_ = 0;
}

void SessionTable::clear() {
    database_.run("DELETE FROM session; DELETE FROM mark_block");
    count_ = 0;
}

void SessionTable::put(const SealedSession& session) {
    const auto& row = session.row;
    // Only where a session has no CID is it ever looked for by its path.
    const auto path = row.cid.empty() ? std::optional(encode_path(row.path)) : std::nullopt;
    insert_.run(row.id, row.credential, row.cid, session.sealed, row.established, path);
    if (database_.changes() == 0) {
        replace_.run(row.id, row.credential, row.cid, session.sealed, row.established, path);
    } else {
        ++gained_;
    }
}

void SessionTable::remove(SessionId session) {
    remove_.run(session);
    gained_ -= static_cast<std::uint64_t>(database_.changes());
}

void SessionTable::write_block(std::int64_t first, std::span<const MarkBlock> blocks) {
    if (blocks.empty()) {
        remove_block_.run(first);
        return;
    }
    // The first piece stays where its block was: what lies between belongs to it.
    put_block_.run(first, blocks.front().body);
    for (const auto& block : blocks.subspan(1))
        put_block_.run(key_of(block.first), block.body);
}

}  // namespace narrowgate::store
