// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "audit_trail.hpp"
#include "backup_copy.hpp"
#include "copy_info.hpp"
#include "device_past.hpp"
#include "journal.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/store/copies.hpp"
#include "private_file.hpp"
#include "schema.hpp"
#include "sealer.hpp"
#include "state_directory.hpp"

namespace narrowgate::store {
namespace {

constexpr std::size_t kCopyBlockBytes = 65'536;

// The original may have gone on after the copy was made, and its readings' numbers with it: 2^40 is what it
// can give in 34 years at a thousand a second. The random part keeps two restores of one copy apart.
constexpr ReadingNumber kNumbersLeftOut = ReadingNumber{1} << 40;
constexpr ReadingNumber kRandomNumbers = ReadingNumber{1} << 48;
constexpr ReadingNumber kLastNumber = ReadingNumber{1} << 62;

std::unexpected<Error> no_copy(const char* why) {
    return failure(fmt::format("the file is no usable backup: {}", why),
                   "name a file that `narrowgate backup` wrote, or an older one");
}

Expected<void> take_in(std::istream& copy, const std::filesystem::path& draft) {
    std::ofstream out(draft, std::ios::binary | std::ios::trunc);
    std::array<char, kCopyBlockBytes> block{};
    while (out && (copy.read(block.data(), block.size()) || copy.gcount() > 0))
        out.write(block.data(), copy.gcount());
    out.close();
    if (copy.bad()) return no_copy("it cannot be read to its end");
    if (!out) {
        return failure(fmt::format("{}: cannot be written: {}", draft.string(), system_message(errno)),
                       "make room on the disk that holds the state directory");
    }
    return {};
}

Expected<CopyInfo> check(Database& copy, const std::filesystem::path& draft) {
    if (copy.integer("PRAGMA application_id") == kApplicationId) {
        return no_copy("it is a store itself, with sessions that another gateway may go on with");
    }
    if (copy.integer("PRAGMA application_id") != kBackupApplicationId) return no_copy("it is another file");
    if (const auto version = copy.integer("PRAGMA user_version"); version > kSchemaVersion) {
        return failure(fmt::format("the backup has format version {}, and this narrowgate knows versions up "
                                   "to {}",
                                   version, kSchemaVersion),
                       "install the newer narrowgate that wrote it");
    }
    {
        Statement statement(copy, "PRAGMA integrity_check(1)");
        Query query(statement);
        if (!query.next() || query.text(0) != "ok") return no_copy("it is damaged");
    }
    if (copy.integer("SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM mark_block)") != 0)
        return no_copy("it holds sessions");
    return copy_info(copy, draft);
}

// The copy becomes a store of its own: another one than the original, wherever that matters.
Expected<ReadingNumber> make_it_a_store(Database& database, const RestoreRequest& request,
                                        const CopyInfo& info, WallTime now) {
    Transaction transaction(database);
    Meta meta(database);
    const ReadingNumber given = std::max(meta.number("next_reading", 1), Journal(database).end_of_readings());
    if (given >= kLastNumber) return no_copy("its readings have impossible numbers");
    const ReadingNumber next = given + kNumbersLeftOut + crypto::random_u64() % kRandomNumbers;
    meta.set_number("next_reading", next);
    database.run("DELETE FROM meta WHERE name IN ('instance', 'backup_made')");
    if (!request.event.empty()) DevicePast(database).add_to_all({{}, now, request.event});
    AuditTrail(database).add(
        {now, request.actor, "restore", "store", fmt::format("backup of {}", to_rfc3339(info.made))});
    transaction.commit();
    return next;
}

// A store that is there keeps its name until the new one takes it, and has a second one from now on.
Expected<std::filesystem::path> set_aside(const StateDirectory& directory, const Options& options,
                                          WallTime now) {
    const auto file = directory.file("state.db");
    {
        // Whatever its log holds goes into the file: a log that is left would become part of the new store.
        Database old(file, options.file_layer, false);
        old.run("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::error_code ignored;
    if (std::filesystem::exists(directory.file("state.db-wal"), ignored)) {
        return failure(fmt::format("{}: its log cannot be brought into it", file.string()),
                       "move state.db and state.db-wal away by hand, together, and restore again");
    }
    std::string stamp = to_rfc3339(now);
    std::erase_if(stamp, [](char c) { return c == ':'; });
    auto aside = directory.file("state.db.before-restore-" + stamp);
    if (link(file.c_str(), aside.c_str()) != 0) {
        return failure(fmt::format("{}: the store cannot be kept under this name: {}", aside.string(),
                                   system_message(errno)),
                       "move state.db away by hand, and restore again");
    }
    return aside;
}

Expected<void> check_place(const StateDirectory& directory, bool replace) {
    std::error_code ignored;
    const auto file = directory.file("state.db");
    const auto log = directory.file("state.db-wal");
    if (std::filesystem::exists(file, ignored)) {
        if (replace) return {};
        return failure(fmt::format("{}: there is a store already", file.string()),
                       "add --force to move it aside and take the backup's place, or name another "
                       "state_directory");
    }
    if (std::filesystem::exists(log, ignored)) {
        return failure(fmt::format("{}: there is a log without its store", log.string()),
                       "move it away: it would become part of the restored store");
    }
    return {};
}

Expected<Restored> restore_within(const StateDirectory& directory, const Options& options, std::istream& copy,
                                  const RestoreRequest& request, const Clock& clock) {
    if (auto good = check_place(directory, request.replace); !good) return std::unexpected(good.error());
    const auto path = directory.file("state.db.restoring");
    for (const char* rest : {"-wal", "-shm", "-journal"})
        unlink((path.string() + rest).c_str());
    auto draft = Draft::make(path);
    if (!draft) return std::unexpected(draft.error());
    if (auto taken = take_in(copy, path); !taken) return std::unexpected(taken.error());

    const auto now = clock.now().wall;
    Restored restored;
    {
        Database database(path, options.file_layer, false);
        auto info = check(database, path);
        if (!info) return std::unexpected(info.error());
        restored.copy = *info;
        database.run(fmt::format("PRAGMA application_id = {}", kApplicationId));
        if (auto ready = prepare_schema(database, path); !ready) return std::unexpected(ready.error());
        if (auto sealer = open_sealer(directory, options.credentials_directory, database); !sealer) {
            return failure(sealer.error().what,
                           "put the sealing key of the gateway that was backed up at " +
                               directory.file("state.key").string() +
                               " (mode 0600); without it no device key in the backup can be read");
        }
        auto next = make_it_a_store(database, request, *info, now);
        if (!next) return std::unexpected(next.error());
        restored.next_reading = *next;
        database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::error_code ignored;
    if (std::filesystem::exists(path.string() + "-wal", ignored)) {
        return failure(fmt::format("{}: its log cannot be brought into it", path.string()),
                       "check the disk and the kernel's log");
    }
    if (std::filesystem::exists(directory.file("state.db"), ignored)) {
        auto aside = set_aside(directory, options, now);
        if (!aside) return std::unexpected(aside.error());
        restored.set_aside = *aside;
    }
    if (auto there = draft->become(directory.file("state.db"), request.replace); !there)
        return std::unexpected(there.error());
    return restored;
}

}  // namespace

Expected<Restored> restore(const Options& options, std::istream& copy, const RestoreRequest& request,
                           const Clock& clock) {
    auto directory = StateDirectory::claim(options.directory);
    if (!directory) return std::unexpected(directory.error());
    try {
        return restore_within(*directory, options, copy, request, clock);
    } catch (const SqlFault& fault) {
        if ((fault.code & 0xff) == SQLITE_NOTADB) return no_copy("it is no database");
        if ((fault.code & 0xff) == SQLITE_CORRUPT) return no_copy("it is damaged");
        return std::unexpected(fault.error(options.directory / "state.db"));
    }
}

}  // namespace narrowgate::store
