// SPDX-License-Identifier: Apache-2.0
#include "session_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "effects.hpp"

namespace narrowgate::store {
namespace {

std::string select_sessions_where(std::string_view condition) {
    return fmt::format("SELECT id, credential, cid, sealed, established FROM session WHERE {}", condition);
}

// One view of the database over several statements.
class ReadTransaction {
public:
    explicit ReadTransaction(Database& database) : database_(database) { database_.run("BEGIN"); }
    ~ReadTransaction() { sqlite3_exec(database_.handle(), "COMMIT", nullptr, nullptr, nullptr); }
    ReadTransaction(const ReadTransaction&) = delete;
    ReadTransaction& operator=(const ReadTransaction&) = delete;

private:
    Database& database_;
};

}  // namespace

SessionTableReader::SessionTableReader(const std::filesystem::path& file, const std::string& file_layer,
                                       const Sealer& sealer, std::function<void(SessionId)> bad)
    : file_(file),
      database_(file, file_layer, true),
      sealer_(sealer),
      bad_(std::move(bad)),
      after_(database_, select_sessions_where("id >= ?1 ORDER BY id LIMIT ?2")),
      by_cid_(database_, select_sessions_where("cid = ?1 AND path IS NULL")),
      by_path_(database_, select_sessions_where("path = ?1")),
      of_(database_, select_sessions_where("credential = ?1 ORDER BY id")),
      block_(database_, "SELECT first, body FROM mark_block WHERE first <= ?1 ORDER BY first DESC LIMIT 1"),
      next_block_(database_, "SELECT first FROM mark_block WHERE first > ?1 ORDER BY first LIMIT 1"),
      from_(std::numeric_limits<std::int64_t>::min()) {}

template <class F>
auto SessionTableReader::within_snapshot(F action) -> Expected<decltype(action())> {
    try {
        const ReadTransaction snapshot(database_);
        if constexpr (std::is_void_v<decltype(action())>) {
            action();
            return {};
        } else {
            return action();
        }
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file_));
    }
}

Expected<bool> SessionTableReader::next(std::size_t count, const Take& take) {
    if (!from_ || count == 0) return from_.has_value();
    return within_snapshot([&] {
        Marks marks(*this);
        std::size_t seen = 0;
        auto last = std::numeric_limits<std::int64_t>::max();
        Query query(after_, *from_, count);
        for (; query.next(); ++seen) {
            last = query.integer(0);
            give(query, marks, take);
        }
        from_.reset();
        if (seen == count && last != std::numeric_limits<std::int64_t>::max()) from_ = last + 1;
        return from_.has_value();
    });
}

Expected<void> SessionTableReader::find_by_cid(ByteView cid, const Take& take) {
    return within_snapshot([&] {
        Marks marks(*this);
        Query query(by_cid_, cid);
        while (query.next())
            give(query, marks, take);
    });
}

Expected<void> SessionTableReader::find_by_path(const Path& path, const Take& take) {
    return within_snapshot([&] {
        Marks marks(*this);
        const Bytes key = encode_path(path);  // read until the query ends
        Query query(by_path_, key);
        while (query.next())
            give(query, marks, take);
    });
}

Expected<void> SessionTableReader::find_of(CredentialId credential, const Take& take) {
    return within_snapshot([&] {
        Marks marks(*this);
        Query query(of_, credential);
        while (query.next())
            give(query, marks, take);
    });
}

void SessionTableReader::for_each_plain(const Take& take) {
    const ReadTransaction snapshot(database_);
    Marks marks(*this);
    Query query(after_, std::numeric_limits<std::int64_t>::min(), -1);
    while (query.next())
        give(query, marks, take, false);
}

void SessionTableReader::give(const Query& query, Marks& marks, const Take& take, bool with_secret) {
    SessionRow row;
    row.id = query.number(0);
    row.credential = query.number(1);
    const auto cid = query.blob(2);
    const auto mark = marks.find(row.id);
    if (!mark || cid.size() > kMaxCidBytes) return bad_(row.id);
    row.cid.assign(cid.begin(), cid.end());
    if (with_secret) {
        auto secret = sealer_.open(session_binding(row.id, row.credential, row.cid), query.blob(3));
        if (!secret) return bad_(row.id);
        row.secret = std::move(*secret);
    }
    row.established = query.time(4);
    row.confirmed = mark->confirmed;
    row.path = mark->path;
    row.lease_end = mark->lease_end;
    row.right_edge = mark->right_edge;
    row.window = mark->window;
    row.last_seen = mark->last_seen;
    row.heard = mark->heard;
    row.traffic = mark->traffic;
    take(std::move(row));
}

std::optional<SessionMark> SessionTableReader::Marks::find(SessionId session) {
    if (!loaded_ || (end_ && key_of(session) >= *end_)) load(session);
    while (more_ && key_of(cursor_.id()) < key_of(session))
        more_ = cursor_.next();
    if (!more_ || cursor_.id() != session) return std::nullopt;
    return cursor_.open();
}

void SessionTableReader::Marks::load(SessionId session) {
    loaded_ = true;
    more_ = false;
    end_.reset();
    std::int64_t first = key_of(session);
    {
        Query query(reader_.block_, session);
        if (query.next()) {
            first = query.integer(0);
            block_.assign(query.blob(1).begin(), query.blob(1).end());
            cursor_ = MarkCursor(block_, reader_.sealer_);
            more_ = cursor_.next();
        }
    }
    Query query(reader_.next_block_, first);
    if (query.next()) end_ = query.integer(0);
}

}  // namespace narrowgate::store
