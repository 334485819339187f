// SPDX-License-Identifier: Apache-2.0
#include "session_table.hpp"

#include <fmt/format.h>

#include <utility>

namespace narrowgate::store {
namespace {

constexpr const char* kColumns =
    "session.id, credential, cid, session.sealed, confirmed, path, lease_end, right_edge, window, "
    "established,"
    " last_seen";

}  // namespace

SessionTable::SessionTable(Database& database, const Sealer& sealer)
    : database_(database),
      sealer_(sealer),
      insert_(database,
              "INSERT OR REPLACE INTO session(id, credential, cid, sealed, confirmed, path, lease_end, "
              "right_edge,"
              " window, established, last_seen) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"),
      update_(database,
              "UPDATE session SET confirmed = ?2, path = ?3, lease_end = ?4, right_edge = ?5, window = ?6,"
              " last_seen = ?7 WHERE id = ?1"),
      remove_(database, "DELETE FROM session WHERE id = ?1"),
      remove_of_(database, "DELETE FROM session WHERE credential = ?1"),
      known_(database,
             "SELECT 1 FROM session JOIN credential ON credential.id = session.credential"
             " WHERE session.id = ?1 AND credential.revoked IS NULL") {
    recount();
}

SealedSession SessionTable::seal(const SessionRow& row) const {
    SealedSession session;
    session.sealed = sealer_.seal(session_binding(row.id, row.credential, row.cid), row.secret.view());
    session.row.id = row.id;
    session.row.credential = row.credential;
    session.row.cid = row.cid;
    session.row.confirmed = row.confirmed;
    session.row.path = row.path;
    session.row.lease_end = row.lease_end;
    session.row.right_edge = row.right_edge;
    session.row.window = row.window;
    session.row.established = row.established;
    session.row.last_seen = row.last_seen;
    return session;
}

void SessionTable::apply(Effect&& effect) {
    if (auto* open = std::get_if<SealedSession>(&effect)) {
        auto& change = changes_[open->row.id];
        change.open = std::move(*open);
        change.mark.reset();
    } else if (const auto* close = std::get_if<SessionClose>(&effect)) {
        changes_[close->session] = {.closed = true, .open = {}, .mark = {}};
    } else {
        const auto& mark = std::get<SessionMark>(effect);
        changes_[mark.session].mark = mark;
    }
}

void SessionTable::fold() {
    for (const auto& [id, change] : changes_) {
        if (change.closed) remove_.run(id);
        if (change.open) {
            const auto& row = change.open->row;
            insert_.run(row.id, row.credential, row.cid, change.open->sealed, row.confirmed,
                        encode_path(row.path), row.lease_end, row.right_edge, row.window, row.established,
                        row.last_seen);
        }
        if (change.mark) {
            const auto& mark = *change.mark;
            update_.run(id, mark.confirmed, encode_path(mark.path), mark.lease_end, mark.right_edge,
                        mark.window, mark.last_seen);
        }
    }
}

void SessionTable::folded() {
    bool sessions_changed = false;
    for (const auto& [id, change] : changes_)
        sessions_changed |= change.closed || change.open.has_value();
    changes_.clear();
    if (sessions_changed) recount();
}

std::uint64_t SessionTable::remove_of(CredentialId credential) {
    remove_of_.run(credential);
    return static_cast<std::uint64_t>(database_.changes());
}

void SessionTable::recount() {
    count_ = static_cast<std::uint64_t>(database_.integer("SELECT count(*) FROM session"));
}

std::optional<SessionRow> SessionTable::read(const Query& query) {
    SessionRow row;
    row.id = query.number(0);
    row.credential = query.number(1);
    const auto cid = query.blob(2);
    const auto path = decode_path(query.blob(5));
    if (!path || cid.size() > kMaxCidBytes) return std::nullopt;
    row.cid.assign(cid.begin(), cid.end());
    row.confirmed = query.integer(4) != 0;
    row.path = *path;
    row.lease_end = query.number(6);
    row.right_edge = query.number(7);
    row.window = query.number(8);
    row.established = query.time(9);
    row.last_seen = query.time(10);
    return row;
}

std::vector<SessionId> SessionTable::load(const std::function<void(SessionRow&&)>& take) {
    std::vector<SessionId> bad;
    Statement select(database_,
                     fmt::format("SELECT {} FROM session JOIN credential"
                                 " ON credential.id = session.credential WHERE credential.revoked IS NULL",
                                 kColumns));
    Query query(select);
    while (query.next()) {
        auto row = read(query);
        auto secret = row ? sealer_.open(session_binding(row->id, row->credential, row->cid), query.blob(3))
                          : std::optional<Secret>();
        if (!secret) {
            bad.push_back(query.number(0));
            continue;
        }
        row->secret = std::move(*secret);
        take(std::move(*row));
    }
    return bad;
}

std::vector<SessionRow> SessionTable::last(std::size_t count) {
    std::vector<SessionRow> rows;
    Statement select(database_,
                     fmt::format("SELECT {} FROM session ORDER BY last_seen DESC LIMIT ?1", kColumns));
    Query query(select, count);
    while (query.next()) {
        if (auto row = read(query)) rows.push_back(std::move(*row));
    }
    return rows;
}

bool SessionTable::known(SessionId session) {
    Query query(known_, session);
    return query.next();
}

}  // namespace narrowgate::store
