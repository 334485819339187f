// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <optional>
#include <system_error>

#include "backup_copy.hpp"
#include "copy_info.hpp"
#include "journal.hpp"
#include "narrowgate/store/copies.hpp"
#include "private_file.hpp"
#include "schema.hpp"

namespace narrowgate::store {
namespace {

Expected<CopyInfo> write_copy(const Options& options, const std::filesystem::path& file,
                              const std::filesystem::path& draft, const Clock& clock) {
    Database from(file, options.file_layer, true);
    if (from.integer("PRAGMA application_id") != kApplicationId) {
        return failure(fmt::format("{}: is not a store of narrowgate's", file.string()),
                       "check state_directory in the configuration");
    }
    if (const auto version = from.integer("PRAGMA user_version"); version != kSchemaVersion) {
        return failure(
            fmt::format("{}: has format version {}, and this narrowgate writes copies of version {}",
                        file.string(), version, kSchemaVersion),
            "restart the gateway with this version first, so that it brings its store up to date");
    }
    Database to(draft, options.file_layer, false);
    // The draft is thrown away if it does not become whole: it needs no journal, only to be on disk.
    to.run(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL;"
        "PRAGMA trusted_schema = 0");
    if (auto copied = copy_store(from, to, clock.now().wall); !copied) return std::unexpected(copied.error());
    return copy_info(to, draft);
}

}  // namespace

Expected<StoreFacts> examine(const Options& options, milliseconds patience) {
    const auto file = options.directory / "state.db";
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) {
        return failure(fmt::format("{}: there is no store, or it may not be seen", file.string()),
                       "run the command as root or as the gateway's user");
    }
    try {
        Database database(file, options.file_layer, true);
        StoreFacts facts;
        const auto number = [&](const char* sql) {
            return static_cast<std::uint64_t>(database.integer(sql));
        };
        facts.version = database.integer("PRAGMA user_version");
        facts.bytes = std::filesystem::file_size(file, ignored);
        const auto log = std::filesystem::file_size(options.directory / "state.db-wal", ignored);
        facts.log_bytes = ignored ? 0 : log;
        facts.free_bytes = number("PRAGMA freelist_count") * number("PRAGMA page_size");
        facts.pages = number("SELECT count(*) FROM page");
        auto until = std::chrono::steady_clock::now() + patience;
        constexpr int kSteps = 10'000;  // of SQLite's machine, between two looks at the clock
        sqlite3_progress_handler(
            database.handle(), kSteps,
            [](void* end) {
                return std::chrono::steady_clock::now() > *static_cast<decltype(until)*>(end) ? 1 : 0;
            },
            &until);
        try {
            Statement statement(database, "PRAGMA quick_check(1)");
            Query query(statement);
            facts.check = query.next() ? query.text(0) : "no answer";
        } catch (const SqlFault& fault) {
            if ((fault.code & 0xff) != SQLITE_INTERRUPT) throw;
            facts.check =
                fmt::format("not finished within {} s", std::chrono::ceil<seconds>(patience).count());
        }
        sqlite3_progress_handler(database.handle(), 0, nullptr, nullptr);
        return facts;
    } catch (const SqlFault& fault) {
        return std::unexpected(fault.error(file));
    }
}

CopyInfo copy_info(Database& copy, const std::filesystem::path& file) {
    CopyInfo info;
    Meta meta(copy);
    if (const auto uuid = meta.blob("store_uuid"); uuid && uuid->size() == info.store.bytes.size())
        std::ranges::copy(*uuid, info.store.bytes.begin());
    info.made = WallTime(std::chrono::microseconds(static_cast<std::int64_t>(meta.number("backup_made", 0))));
    const auto count = [&](const char* sql) { return static_cast<std::uint64_t>(copy.integer(sql)); };
    info.devices = count("SELECT count(*) FROM device WHERE revoked IS NULL");
    info.credentials = count("SELECT count(*) FROM credential WHERE revoked IS NULL");
    info.readings = count("SELECT coalesce(sum(readings), 0) FROM page");
    std::error_code ignored;
    info.bytes = std::filesystem::file_size(file, ignored);
    return info;
}

Expected<CopyInfo> back_up(const Options& options, const std::filesystem::path& to, bool replace,
                           const Clock& clock) {
    const auto file = options.directory / "state.db";
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) {
        return failure(fmt::format("{}: there is no store", file.string()),
                       "check state_directory in the configuration, and run the command as root or as the "
                       "gateway's user");
    }
    // Under these names it would take the place of the store, or of its key, while a gateway uses them.
    if (std::filesystem::equivalent(to.has_parent_path() ? to.parent_path() : ".", options.directory,
                                    ignored) &&
        to.filename().string().starts_with("state.")) {
        return failure(fmt::format("{} is a name of the store's own", to.string()), "name another file");
    }
    if (!replace && std::filesystem::exists(to, ignored)) {
        return failure(fmt::format("{} exists", to.string()), "name another file, or add --force");
    }
    auto draft = Draft::make(to.string() + ".part");
    if (!draft) return std::unexpected(draft.error());
    std::optional<Expected<CopyInfo>> info;
    try {
        info = write_copy(options, file, draft->path(), clock);
    } catch (const SqlFault& fault) {
        // Which of the two it was, the message says.
        return std::unexpected(fault.error(draft->path()));
    }
    if (!*info) return *info;
    if (auto there = draft->become(to, replace); !there) return std::unexpected(there.error());
    return *info;
}

}  // namespace narrowgate::store
