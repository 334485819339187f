// SPDX-License-Identifier: Apache-2.0
#include "backup_copy.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "effects.hpp"

namespace narrowgate::store {
namespace {

constexpr std::array<std::pair<std::string_view, InCopy>, 18> kTables{{
    {"meta", InCopy::kSome},
    {"page", InCopy::kWithout},
    {"reply_page", InCopy::kEmpty},
    {"session", InCopy::kEmpty},
    {"session_2", InCopy::kEmpty},
    {"mark_block", InCopy::kEmpty},
    {"exported", InCopy::kEmpty},
    {"exported_part", InCopy::kEmpty},
    {"imported", InCopy::kWhole},
    {"device", InCopy::kWhole},
    {"device_past", InCopy::kWhole},
    {"device_figures", InCopy::kWhole},
    {"credential", InCopy::kWhole},
    {"upstream", InCopy::kWhole},
    {"dead_letter", InCopy::kWhole},
    {"audit", InCopy::kWhole},
    {"delivered", InCopy::kWhole},
    {"replay", InCopy::kEmpty},
}};

// Column of `page`, counted from 0.
constexpr int kPageNumber = 0;
constexpr int kPageEffects = 6;

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Raw = std::unique_ptr<sqlite3_stmt, Finalize>;

Raw prepare(Database& database, const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database.handle(), sql.c_str(), static_cast<int>(sql.size()), &statement,
                           nullptr) != SQLITE_OK) {
        database.raise();
    }
    return Raw(statement);
}

std::vector<std::pair<std::string, std::string>> schema_of(Database& database, std::string_view type) {
    Statement select(database,
                     "SELECT name, sql FROM sqlite_schema WHERE type = ?1 AND sql IS NOT NULL"
                     " AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name");
    Query query(select, type);
    std::vector<std::pair<std::string, std::string>> all;
    while (query.next())
        all.emplace_back(query.text(0), query.text(1));
    return all;
}

// Of a page's effects: what happened to devices, as far as the tables do not say it yet.
Bytes effects_in_copy(std::uint64_t page, std::uint64_t folded_to, ByteView effects) {
    if (page <= folded_to) return {};
    std::vector<Effect> kept;
    auto all = decode_effects(effects);
    if (!all) return {};
    for (auto& effect : *all) {
        if (std::holds_alternative<DeviceEvent>(effect)) kept.push_back(std::move(effect));
    }
    return encode_effects(kept);
}

void copy_rows(Database& from, Database& to, const std::string& table,
               std::optional<std::uint64_t> folded_to) {
    const Raw select = prepare(from, fmt::format("SELECT * FROM {}", table));
    const int columns = sqlite3_column_count(select.get());
    std::string places;
    for (int i = 1; i <= columns; ++i)
        places += fmt::format("{}?{}", i == 1 ? "" : ", ", i);
    const Raw insert = prepare(to, fmt::format("INSERT INTO {} VALUES({})", table, places));
    while (true) {
        const int code = sqlite3_step(select.get());
        if (code == SQLITE_DONE) return;
        if (code != SQLITE_ROW) from.raise();
        Bytes effects;
        for (int i = 0; i < columns; ++i) {
            int bound = SQLITE_OK;
            if (folded_to && i == kPageEffects) {
                const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(select.get(), i));
                const auto size = static_cast<std::size_t>(sqlite3_column_bytes(select.get(), i));
                const auto page = static_cast<std::uint64_t>(sqlite3_column_int64(select.get(), kPageNumber));
                effects = effects_in_copy(page, *folded_to, {data, size});
                bound = effects.empty() ? sqlite3_bind_zeroblob(insert.get(), i + 1, 0)
                                        : sqlite3_bind_blob64(insert.get(), i + 1, effects.data(),
                                                              effects.size(), SQLITE_STATIC);
            } else {
                bound = sqlite3_bind_value(insert.get(), i + 1, sqlite3_column_value(select.get(), i));
            }
            if (bound != SQLITE_OK) to.raise();
        }
        if (sqlite3_step(insert.get()) != SQLITE_DONE) to.raise();
        sqlite3_reset(insert.get());
    }
}

}  // namespace

std::optional<InCopy> in_copy(std::string_view table) {
    for (const auto& [name, what] : kTables) {
        if (name == table) return what;
    }
    return std::nullopt;
}

Expected<void> copy_store(Database& from, Database& to, WallTime now) {
    // One view of the store over all its tables. Commits go on meanwhile; the log only grows.
    from.run("BEGIN");
    const auto folded_to =
        static_cast<std::uint64_t>(from.integer("SELECT value FROM meta WHERE name = 'folded_to'"));
    const auto tables = schema_of(from, "table");
    for (const auto& [name, sql] : tables) {
        if (!in_copy(name)) {
            return failure(
                fmt::format("the store has a table \"{}\" that this narrowgate does not know", name),
                "use the narrowgate that wrote it");
        }
    }
    to.run("BEGIN");
    for (const auto& [name, sql] : tables) {
        to.run(sql);
        switch (*in_copy(name)) {
            case InCopy::kWhole:
            case InCopy::kSome:
                copy_rows(from, to, name, std::nullopt);
                break;
            case InCopy::kWithout:
                copy_rows(from, to, name, folded_to);
                break;
            case InCopy::kEmpty:
                break;
        }
    }
    for (const auto& [name, sql] : schema_of(from, "index"))
        to.run(sql);
    // Which store may have a session is not for a copy to say: two could claim to be it.
    to.run(
        "DELETE FROM meta WHERE name IN ('instance', 'generation');"
        "UPDATE meta SET value = 0 WHERE name = 'sessions'");
    Statement(to, "INSERT INTO meta(name, value) VALUES('backup_made', ?1)").run(now);
    to.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kBackupApplicationId,
                       from.integer("PRAGMA user_version")));
    to.run("COMMIT");
    from.run("COMMIT");
    return {};
}

}  // namespace narrowgate::store
