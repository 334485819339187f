// SPDX-License-Identifier: Apache-2.0
#include "sqlite.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace narrowgate::store {
namespace {

constexpr int kBusyTimeoutMs = 5000;  // a reader that recovers the WAL index; nobody else ever holds the lock

}  // namespace

bool SqlFault::out_of_space() const {
    return (code & 0xff) == SQLITE_FULL;
}

Error SqlFault::error(const std::filesystem::path& file) const {
    const std::string where = fmt::format("{}: {}", file.string(), what);
    switch (code & 0xff) {
        case SQLITE_FULL:
            return {where, "make room on the disk that holds the state directory"};
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return {
                where,
                "the database is damaged: stop the gateway, keep a copy of the whole state directory, then "
                "restore a backup or move state.db and state.db-wal away to start empty"};
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_CANTOPEN:
            return {where,
                    "let the gateway's user own the state directory and all files in it, and check that "
                    "the file system is not mounted read-only"};
        case SQLITE_BUSY:
            return {where, "another program holds the database open for writing: end it"};
        default:
            return {where, "check the disk and the kernel's log"};
    }
}

void take_pages_one_by_one() {
    // Refused, and without effect, when SQLite is in use already.
    [[maybe_unused]] static const int done = sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
}

Database::Database(const std::filesystem::path& file, const std::string& file_layer, bool read_only) {
    sqlite3* handle = nullptr;
    // Readers too need write access, to the WAL index; query_only keeps them from more.
    const int code = sqlite3_open_v2(file.c_str(), &handle,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                     file_layer.empty() ? nullptr : file_layer.c_str());
    handle_.reset(handle);
    if (code != SQLITE_OK) {
        if (handle == nullptr) throw SqlFault{code, sqlite3_errstr(code)};
        throw SqlFault{sqlite3_extended_errcode(handle), sqlite3_errmsg(handle)};
    }
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    if (read_only) run("PRAGMA query_only = 1");
}

void Database::run(const std::string& sql) {
    if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) raise();
}

std::int64_t Database::integer(const std::string& sql) {
    Statement statement(*this, sql);
    Query query(statement);
    return query.next() ? query.integer(0) : 0;
}

void Database::raise() const {
    std::string what = sqlite3_errmsg(handle());
    if (const int number = sqlite3_system_errno(handle()); number != 0 && number != ENOENT) {
        what += fmt::format(" ({})", system_message(number));
    }
    int code = sqlite3_extended_errcode(handle());
    // The file layer reports a full disk as a plain I/O error when it meets it in ftruncate or fsync.
    if ((code & 0xff) == SQLITE_IOERR) {
        const int number = sqlite3_system_errno(handle());
        if (number == ENOSPC || number == EDQUOT) code = SQLITE_FULL;
    }
    throw SqlFault{code, std::move(what)};
}

Database::Prepared Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(handle(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &statement, nullptr) != SQLITE_OK) {
        raise();
    }
    return Prepared(statement);
}

void Database::run_prepared(Prepared& statement, std::string_view sql) {
    if (!statement) statement = prepare(sql);
    const int code = sqlite3_step(statement.get());
    if (code != SQLITE_DONE) {
        // Read the error before the reset, which may replace it.
        try {
            raise();
        } catch (...) {
            sqlite3_reset(statement.get());
            throw;
        }
    }
    sqlite3_reset(statement.get());
}

Statement::Statement(Database& database, std::string_view sql)
    : database_(database), statement_(database.prepare(sql)) {}

// Bound bytes are only read until the statement is reset, which the caller's values outlive: no copies.
void Statement::bind(int column, std::string_view text) {
    check(sqlite3_bind_text64(statement_.get(), column, text.data() ? text.data() : "", text.size(),
                              SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind(int column, ByteView bytes) {
    if (bytes.empty()) return check(sqlite3_bind_zeroblob(statement_.get(), column, 0));
    check(sqlite3_bind_blob64(statement_.get(), column, bytes.data(), bytes.size(), SQLITE_STATIC));
}

void Statement::execute() {
    while (step()) {
    }
    reset();
}

bool Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    try {
        database_.raise();
    } catch (...) {
        reset();
        throw;
    }
}

void Statement::check(int code) const {
    if (code != SQLITE_OK) database_.raise();
}

std::optional<WallTime> Query::maybe_time(int column) const {
    if (null(column)) return std::nullopt;
    return time(column);
}

ByteView Query::blob(int column) const {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(raw(), column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(raw(), column))};
}

Transaction::~Transaction() {
    // After some errors SQLite has rolled back by itself; asking again is then a harmless error.
    if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    database_.commit();
    open_ = false;
}

}  // namespace narrowgate::store
