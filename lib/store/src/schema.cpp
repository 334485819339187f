// SPDX-License-Identifier: Apache-2.0
#include "schema.hpp"

#include <fmt/format.h>

#include <array>

#include "backup_copy.hpp"

namespace narrowgate::store {
namespace {

// Step n makes version n + 1 of version n. A step that was released is never edited: a new one is appended.
constexpr std::array<const char*, kSchemaVersion> kSteps{
    // 1: journal, sessions, devices, upstreams
    R"(CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
       CREATE TABLE page(number INTEGER PRIMARY KEY, first_reading INTEGER NOT NULL, readings INTEGER NOT NULL,
                         upstreams INTEGER, received INTEGER NOT NULL, body BLOB NOT NULL,
                         effects BLOB NOT NULL) STRICT;
       CREATE TABLE reply_page(number INTEGER PRIMARY KEY, expires INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
       CREATE TABLE session(id INTEGER PRIMARY KEY, credential INTEGER NOT NULL, cid BLOB NOT NULL,
                            sealed BLOB NOT NULL, confirmed INTEGER NOT NULL, path BLOB NOT NULL,
                            lease_end INTEGER NOT NULL, right_edge INTEGER NOT NULL, window INTEGER NOT NULL,
                            established INTEGER NOT NULL, last_seen INTEGER NOT NULL) STRICT;
       CREATE INDEX session_by_credential ON session(credential);
       CREATE TABLE device(name TEXT PRIMARY KEY, fleet TEXT NOT NULL, added INTEGER NOT NULL,
                           revoked INTEGER) STRICT, WITHOUT ROWID;
       CREATE TABLE credential(id INTEGER PRIMARY KEY, identity TEXT NOT NULL, device TEXT NOT NULL,
                               sealed BLOB NOT NULL, added INTEGER NOT NULL, not_before INTEGER,
                               not_after INTEGER, revoked INTEGER) STRICT;
       CREATE UNIQUE INDEX credential_in_use ON credential(identity) WHERE revoked IS NULL;
       CREATE INDEX credential_by_identity ON credential(identity);
       CREATE INDEX credential_by_device ON credential(device);
       CREATE TABLE upstream(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
                             progress BLOB NOT NULL) STRICT)",
    // 2: what upstreams refused for good
    R"(CREATE TABLE dead_letter(id INTEGER PRIMARY KEY AUTOINCREMENT, upstream TEXT NOT NULL,
                                number INTEGER NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
                                body BLOB NOT NULL) STRICT)",
    // 3: sessions in two parts, `session` and `mark_block`; what was in the one table waits in `session_2`
    // for
    // the engine, which has the key for it (adoption.cpp). Credentials that replace each other, the past of
    // devices, the audit trail. Sessions that have left for another gateway, and that have come from one.
    R"(DROP INDEX session_by_credential;
       ALTER TABLE session RENAME TO session_2;
       CREATE TABLE session(id INTEGER PRIMARY KEY, credential INTEGER NOT NULL, cid BLOB NOT NULL,
                            sealed BLOB NOT NULL, established INTEGER NOT NULL, path BLOB) STRICT;
       CREATE INDEX session_by_cid ON session(cid) WHERE path IS NULL;
       CREATE INDEX session_by_path ON session(path) WHERE path IS NOT NULL;
       CREATE INDEX session_by_credential ON session(credential);
       CREATE TABLE mark_block(first INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
       ALTER TABLE credential ADD COLUMN replaces INTEGER;
       ALTER TABLE credential ADD COLUMN why TEXT;
       UPDATE credential SET why = 'revoked' WHERE revoked IS NOT NULL;
       CREATE TABLE device_past(device TEXT PRIMARY KEY, events BLOB NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE audit(number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL,
                          action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
       CREATE TABLE exported(id BLOB PRIMARY KEY, destination BLOB NOT NULL, generation INTEGER NOT NULL,
                             made INTEGER NOT NULL, sessions INTEGER NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE exported_part(export BLOB NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,
                                  UNIQUE(export, number)) STRICT;
       CREATE TABLE imported(id BLOB PRIMARY KEY, source BLOB NOT NULL, at INTEGER NOT NULL,
                             sessions INTEGER NOT NULL) STRICT, WITHOUT ROWID;
       INSERT INTO meta SELECT 'devices', count(*) FROM device WHERE revoked IS NULL;
       INSERT INTO meta SELECT 'credentials', count(*) FROM credential WHERE revoked IS NULL;
       INSERT INTO meta VALUES('sessions', 0))",
    // 4: dead letters that are to be sent again
    R"(ALTER TABLE dead_letter ADD COLUMN retried INTEGER;
       CREATE INDEX dead_letter_returned ON dead_letter(upstream, number) WHERE retried IS NOT NULL)",
    // 5: what is counted of each device, and how often it reports where that is not its fleet's to say
    R"(ALTER TABLE device ADD COLUMN report_interval INTEGER;
       CREATE TABLE device_figures(device TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID)",
};

constexpr const char* kTablesOfRetention =
    R"(CREATE TABLE IF NOT EXISTS delivered(began INTEGER PRIMARY KEY, at INTEGER NOT NULL,
                                            readings BLOB NOT NULL) STRICT;
       CREATE TABLE IF NOT EXISTS replay(upstream INTEGER PRIMARY KEY, job INTEGER NOT NULL,
                                         since INTEGER NOT NULL, until INTEGER, fleet TEXT NOT NULL,
                                         device TEXT NOT NULL, actor TEXT NOT NULL, started INTEGER NOT NULL,
                                         ended INTEGER, cancelled INTEGER NOT NULL, first INTEGER NOT NULL,
                                         beyond INTEGER NOT NULL, done BLOB NOT NULL, sent INTEGER NOT NULL,
                                         left_out INTEGER NOT NULL, refused INTEGER NOT NULL,
                                         gone INTEGER NOT NULL) STRICT)";

}  // namespace

Expected<void> prepare_schema(Database& database, const std::filesystem::path& file) {
    const auto version = database.integer("PRAGMA user_version");
    const auto application = database.integer("PRAGMA application_id");
    const bool fresh = version == 0 && database.integer("SELECT count(*) FROM sqlite_schema") == 0;
    if (!fresh && application == kBackupApplicationId) {
        return failure(fmt::format("{}: is a backup, not a store", file.string()),
                       "move it away and give it to `narrowgate restore`, which makes a store of it");
    }
    if (!fresh && application != kApplicationId) {
        return failure(fmt::format("{}: is a database, but not one of narrowgate's", file.string()),
                       "give the gateway a state directory of its own");
    }
    if (version > kSchemaVersion) {
        return failure(
            fmt::format("{}: has format version {}, and this narrowgate knows versions up to {}",
                        file.string(), version, kSchemaVersion),
            "install the newer narrowgate that wrote it, or restore a backup made before the upgrade");
    }
    // The page size counts only before the first table; a commit's fsync is its promise (P1), hence FULL.
    // Distributions build SQLite so that it overwrites what is deleted with zeros, which writes every page of
    // the journal a second time. No protection to rely on: old bytes stay in the log and on the disk either
    // way; keys are sealed.
    database.run(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;"
        "PRAGMA secure_delete = 0;"
        "PRAGMA trusted_schema = 0; PRAGMA foreign_keys = 0");
    for (auto next = static_cast<int>(version); next < kSchemaVersion; ++next) {
        Transaction transaction(database);
        database.run(kSteps[static_cast<std::size_t>(next)]);
        database.run(
            fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, next + 1));
        transaction.commit();
    }
    // What came later and needs no step: a store without them is one in which nothing is retained.
    if (database.integer("SELECT count(*) FROM sqlite_schema WHERE name IN ('delivered', 'replay')") != 2) {
        Transaction transaction(database);
        database.run(kTablesOfRetention);
        transaction.commit();
    }
    return {};
}

}  // namespace narrowgate::store
