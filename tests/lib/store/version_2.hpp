// SPDX-License-Identifier: Apache-2.0
//
// Makes of a store of today one as version 2 of the format had it. Written out here, since the code that made
// it has moved on.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>

namespace narrowgate::store {

// Runs it behind the store's back, which must be closed.
inline void run_sql(const std::filesystem::path& file, const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
}

// Sessions keep their keys, which are sealed as they were; their marks become: path 192.0.2.1:5684,
// 198.51.100.7:5683, lease 1024, edge 1, window 3, established at 5 s, last seen at 6 s.
inline constexpr const char* kMakeVersion2 =
    "CREATE TABLE kept AS SELECT * FROM session;"
    "DROP TABLE session; DROP TABLE mark_block; DROP TABLE device_past; DROP TABLE audit;"
    "DROP TABLE IF EXISTS exported; DROP TABLE IF EXISTS exported_part; DROP TABLE IF EXISTS imported;"
    "DROP TABLE device_figures; ALTER TABLE device DROP COLUMN report_interval;"
    "DROP INDEX dead_letter_returned; ALTER TABLE dead_letter DROP COLUMN retried;"
    "ALTER TABLE credential DROP COLUMN replaces; ALTER TABLE credential DROP COLUMN why;"
    "DELETE FROM meta WHERE name NOT IN"
    " ('store_uuid', 'key_check', 'folded_to', 'next_page', 'next_reading', 'next_credential');"
    "CREATE TABLE session(id INTEGER PRIMARY KEY, credential INTEGER NOT NULL, cid BLOB NOT NULL,"
    " sealed BLOB NOT NULL, confirmed INTEGER NOT NULL, path BLOB NOT NULL, lease_end INTEGER NOT NULL,"
    " right_edge INTEGER NOT NULL, window INTEGER NOT NULL, established INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL) STRICT;"
    "CREATE INDEX session_by_credential ON session(credential);"
    "INSERT INTO session SELECT id, credential, cid, sealed, 0, x'01c0000201163401c63364071633', 1024, 1, 3,"
    " 5000000, 6000000 FROM kept; DROP TABLE kept;"
    "PRAGMA user_version = 2";

}  // namespace narrowgate::store
