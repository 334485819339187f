// SPDX-License-Identifier: Apache-2.0
//
// SQLite behind values: a connection, statements, a transaction that rolls back unless committed. Inside this
// room a failure travels as an SqlFault exception; the facade turns it into an Error.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::store {

// Thrown. `code` is SQLite's extended result code.
struct SqlFault {
    int code = 0;
    std::string what;

    bool out_of_space() const;
    Error error(const std::filesystem::path& file) const;
};

// Before the first connection of the process: memory for pages is taken page by page, so that
// Database::release_memory() gives all of it back. SQLite would take that of 20 pages for each cache, for
// good.
void take_pages_one_by_one();

// Thread: one at a time.
class Database {
public:
    // `read_only` connections never write but may wait for nobody: WAL readers see the last commit.
    Database(const std::filesystem::path& file, const std::string& file_layer, bool read_only);

    void run(const std::string& sql);
    // A transaction's ends, prepared once: each commit has both.
    void begin() { run_prepared(begin_, "BEGIN IMMEDIATE"); }
    void commit() { run_prepared(commit_, "COMMIT"); }
    std::int64_t integer(const std::string& sql);  // first column of the first row
    std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }
    sqlite3* handle() const { return handle_.get(); }
    std::int64_t total_changes() const { return sqlite3_total_changes64(handle_.get()); }  // rows, ever
    // Drops the pages that it keeps in memory; the next statements read theirs again.
    void release_memory() { sqlite3_db_release_memory(handle_.get()); }
    [[noreturn]] void raise() const;  // throws the connection's last error

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;
    friend class Statement;

    Prepared prepare(std::string_view sql);
    void run_prepared(Prepared& statement, std::string_view sql);

    std::unique_ptr<sqlite3, Close> handle_;
    Prepared begin_;
    Prepared commit_;
};

// A prepared statement; parameters are bound by position. Must be gone before its Database.
class Statement {
public:
    Statement(Database& database, std::string_view sql);

    // Binds, runs to the end and resets.
    template <class... A>
    void run(const A&... values) {
        bind_all(values...);
        execute();
    }

private:
    friend class Query;

    template <class... A>
    void bind_all(const A&... values) {
        int column = 0;
        (bind(++column, values), ...);
    }
    template <std::integral T>
    void bind(int column, T value) {
        check(sqlite3_bind_int64(statement_.get(), column, static_cast<std::int64_t>(value)));
    }
    void bind(int column, std::string_view text);
    void bind(int column, const std::string& text) { bind(column, std::string_view(text)); }
    void bind(int column, ByteView bytes);
    void bind(int column, const Bytes& bytes) { bind(column, ByteView(bytes)); }
    void bind(int column, WallTime time) { bind(column, time.time_since_epoch().count()); }
    void bind(int column, std::nullptr_t) { check(sqlite3_bind_null(statement_.get(), column)); }
    template <class T>
    void bind(int column, const std::optional<T>& value) {
        value ? bind(column, *value) : bind(column, nullptr);
    }

    void execute();
    bool step();
    void reset() { sqlite3_reset(statement_.get()); }
    void check(int code) const;

    Database& database_;
    Database::Prepared statement_;
};

// The rows of a statement; resets it at its end, so that no read transaction stays open behind it.
class Query {
public:
    template <class... A>
    explicit Query(Statement& statement, const A&... values) : statement_(statement) {
        statement_.bind_all(values...);
    }
    ~Query() { statement_.reset(); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    bool next() { return statement_.step(); }
    // Of the current row; views are valid until next().
    bool null(int column) const { return sqlite3_column_type(raw(), column) == SQLITE_NULL; }
    std::int64_t integer(int column) const { return sqlite3_column_int64(raw(), column); }
    std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
    WallTime time(int column) const { return WallTime(std::chrono::microseconds(integer(column))); }
    std::optional<WallTime> maybe_time(int column) const;
    ByteView blob(int column) const;
    std::string text(int column) const { return std::string(text_of(blob(column))); }

private:
    sqlite3_stmt* raw() const { return statement_.statement_.get(); }
    Statement& statement_;
};

// Takes the write lock at once; rolls back unless committed.
class Transaction {
public:
    explicit Transaction(Database& database) : database_(database) { database_.begin(); }
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

private:
    Database& database_;
    bool open_ = true;
};

}  // namespace narrowgate::store
