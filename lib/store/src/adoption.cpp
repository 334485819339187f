// SPDX-License-Identifier: Apache-2.0
#include "adoption.hpp"

#include <utility>

#include "journal.hpp"

namespace narrowgate::store {
namespace {

constexpr std::size_t kRowsAtOnce = 4'096;  // which are in memory together

}  // namespace

std::size_t adopt_sessions_of_version_2(Database& database, SessionTable& sessions) {
    if (database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'session_2'") == 0) return 0;
    Transaction transaction(database);
    std::size_t bad = 0;
    {
        Statement select(database,
                         "SELECT id, credential, cid, sealed, confirmed, path, lease_end, right_edge, window,"
                         " established, last_seen FROM session_2 ORDER BY id");
        Query query(select);
        while (query.next()) {
            SealedSession session;
            auto& row = session.row;
            const auto path = decode_path(query.blob(5));
            if (!path) {
                ++bad;
                continue;
            }
            row.id = query.number(0);
            row.credential = query.number(1);
            row.cid.assign(query.blob(2).begin(), query.blob(2).end());
            session.sealed.assign(query.blob(3).begin(), query.blob(3).end());
            row.confirmed = query.integer(4) != 0;
            row.path = *path;
            row.lease_end = query.number(6);
            row.right_edge = query.number(7);
            row.window = query.number(8);
            row.established = query.time(9);
            row.last_seen = query.time(10);
            sessions.apply(std::move(session));
            if (sessions.unfolded().rows() >= kRowsAtOnce) sessions.fold_now();
        }
    }
    sessions.fold_now();
    database.run("DROP TABLE session_2");
    Meta(database).set_number("sessions", sessions.count());
    transaction.commit();
    return bad;
}

}  // namespace narrowgate::store
