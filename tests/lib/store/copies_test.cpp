// SPDX-License-Identifier: Apache-2.0
//
// Copies (P1, P3): what is in a backup and what must not be, and what a restored store does and never does.
#include "narrowgate/store/copies.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "backup_copy.hpp"
#include "narrowgate/store/moves.hpp"
#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

using ::testing::HasSubstr;

constexpr SessionId kCopiedSession = 11;
const Bytes kRestoredEvent{1, 2, 8};

std::string content_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

class CopiesTest : public StoreTest {
protected:
    CopiesTest() { elsewhere_.directory = directory_.path() / "elsewhere"; }

    // A device with a session, a reply, and `readings` readings of which the first is delivered.
    void prepare(std::uint64_t readings) {
        open();
        upstream("aws");
        Unit unit;
        unit.open = session(kCopiedSession, add_device("wm-0001"));
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        for (std::uint64_t number = 1; number <= readings; ++number) {
            unit = reading_unit(payload_of(number));
            unit.mark = mark(kCopiedSession, number + 1);
            unit.reply = StoredReply{kCopiedSession, static_cast<std::uint16_t>(number),
                                     clock_.now().wall + std::chrono::hours(1), bytes_of_reply(number)};
            unit.events.push_back({"wm-0001", clock_.now().wall, {9, static_cast<std::uint8_t>(number)}});
            ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        }
        if (readings != 0) acknowledge(0, {1});
        ASSERT_TRUE(store_->flush().has_value());
    }
    static Bytes bytes_of_reply(std::uint64_t number) {
        const auto text = "the reply to exchange " + std::to_string(number);
        return {text.begin(), text.end()};
    }

    Expected<CopyInfo> back_up_now(bool replace = false) {
        return back_up(options_, backup_, replace, clock_);
    }
    Expected<Restored> restore_at(const Options& where, bool replace = false) {
        std::ifstream copy(backup_, std::ios::binary);
        return restore(where, copy,
                       {.replace = replace, .event = kRestoredEvent, .actor = std::string(kActor)}, clock_);
    }
    // The machine to restore on: nothing but the sealing key.
    void prepare_elsewhere() const {
        std::filesystem::create_directory(elsewhere_.directory);
        std::filesystem::copy_file(options_.directory / "state.key", elsewhere_.directory / "state.key");
    }
    // From now on the fixture's store is the one elsewhere.
    void move_elsewhere() {
        store_.reset();
        options_ = elsewhere_;
        open();
    }

    // The blobs of a query on the store's file.
    std::vector<std::string> blobs(const char* sql, const std::filesystem::path& file) const {
        sqlite3* database = nullptr;
        EXPECT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
        sqlite3_stmt* statement = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr), SQLITE_OK);
        std::vector<std::string> found;
        while (sqlite3_step(statement) == SQLITE_ROW) {
            const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, 0));
            found.emplace_back(data, static_cast<std::size_t>(sqlite3_column_bytes(statement, 0)));
        }
        sqlite3_finalize(statement);
        sqlite3_close(database);
        return found;
    }
    void run_sql(const std::filesystem::path& file, const std::string& sql) const {
        sqlite3* database = nullptr;
        EXPECT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(database);
        sqlite3_close(database);
    }

    const std::filesystem::path backup_ = directory_.path() / "backup";
    Options elsewhere_ = options_;
};

TEST_F(CopiesTest, ABackupOfALiveStoreHasAllButSessions) {
    prepare(3);
    const auto made = back_up_now();
    ASSERT_TRUE(made.has_value()) << made.error().text();
    EXPECT_EQ(made->store, store_->uuid());
    EXPECT_EQ(made->made, clock_.now().wall);
    EXPECT_EQ(made->devices, 1U);
    EXPECT_EQ(made->credentials, 1U);
    EXPECT_EQ(made->readings, 3U);
    EXPECT_EQ(made->bytes, std::filesystem::file_size(backup_));
    struct stat status{};
    ASSERT_EQ(stat(backup_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    EXPECT_FALSE(std::filesystem::exists(backup_.string() + ".part"));

    const auto text = content_of(backup_);
    const auto psk = blobs("SELECT sealed FROM credential", options_.directory / "state.db");
    ASSERT_EQ(psk.size(), 1U);
    EXPECT_NE(text.find(psk[0]), std::string::npos);
    EXPECT_NE(text.find("reading 2"), std::string::npos);
}

// Sealed sessions are in two places: in the table, and in the journal page that opened them as long as its
// readings wait. Neither they nor replies may be anywhere in the file, be it in a page that SQLite has freed.
TEST_F(CopiesTest, NoByteOfASealedSessionIsInABackup) {
    prepare(2);
    Unit unit = reading_unit(payload_of(3));
    unit.open = session(12, store_->find_device("wm-0001")->value().credentials[0].id);
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    const auto unfolded = content_of(options_.directory / "state.db-wal");
    ASSERT_TRUE(back_up_now().has_value());
    const auto live = content_of(backup_);
    reopen();  // folds: now the table has it, and the page has it still
    ASSERT_TRUE(back_up_now(true).has_value());
    const auto folded = content_of(backup_);

    const auto sealed = blobs("SELECT sealed FROM session", options_.directory / "state.db");
    ASSERT_EQ(sealed.size(), 2U);
    EXPECT_NE(unfolded.find(sealed[1]), std::string::npos) << "the test does not see what it looks for";
    for (const auto& secret : sealed) {
        EXPECT_EQ(live.find(secret), std::string::npos);
        EXPECT_EQ(folded.find(secret), std::string::npos);
        // Nor a part of it.
        EXPECT_EQ(folded.find(secret.substr(16, 16)), std::string::npos);
    }
    for (const auto* file : {&live, &folded})
        EXPECT_EQ(file->find("the reply to exchange"), std::string::npos);
}

TEST_F(CopiesTest, EveryTableOfAStoreIsEitherInACopyOrMeantToBeLeftOut) {
    open();
    const auto tables =
        blobs("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
              options_.directory / "state.db");
    EXPECT_GE(tables.size(), 12U);
    for (const auto& table : tables)
        EXPECT_TRUE(in_copy(table).has_value()) << table;
}

TEST_F(CopiesTest, ABackupReplacesNoFileUnlessItIsToldTo) {
    prepare(1);
    ASSERT_TRUE(back_up_now().has_value());
    const auto first = content_of(backup_);
    const auto second = back_up_now();
    ASSERT_FALSE(second.has_value());
    EXPECT_THAT(second.error().text(), HasSubstr("exists"));
    EXPECT_THAT(second.error().cure, HasSubstr("--force"));
    EXPECT_EQ(content_of(backup_), first);
    EXPECT_TRUE(back_up_now(true).has_value());
}

// Even when it is told to replace: a rename over a store in use would end every session in it.
TEST_F(CopiesTest, ABackupTakesNoNameOfTheStoresOwn) {
    prepare(1);
    for (const char* name : {"state.db", "state.db-wal", "state.key"}) {
        const auto made = back_up(options_, options_.directory / name, true, clock_);
        ASSERT_FALSE(made.has_value()) << name;
        EXPECT_THAT(made.error().cure, HasSubstr("name another file"));
    }
    EXPECT_TRUE(back_up(options_, options_.directory / "backup", true, clock_).has_value());
}

TEST_F(CopiesTest, ABackupThatCannotBeWrittenLeavesNothingBehind) {
    prepare(1);
    const auto made = back_up(options_, directory_.path() / "no such directory" / "backup", false, clock_);
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error().text(), HasSubstr("no such directory"));
    options_.directory = directory_.path() / "none";
    const auto of_nothing = back_up_now();
    ASSERT_FALSE(of_nothing.has_value());
    EXPECT_THAT(of_nothing.error().what, HasSubstr("there is no store"));
    EXPECT_FALSE(std::filesystem::exists(options_.directory / "state.db"));
    EXPECT_FALSE(std::filesystem::exists(backup_.string() + ".part"));
}

TEST_F(CopiesTest, ARestoredStoreDeliversWhatWasAcknowledgedAndHasNoSession) {
    prepare(4);
    ASSERT_TRUE(back_up_now().has_value());
    prepare_elsewhere();
    const auto restored = restore_at(elsewhere_);
    ASSERT_TRUE(restored.has_value()) << restored.error().text();
    EXPECT_TRUE(restored->set_aside.empty());
    const auto uuid = store_->uuid();
    const auto instance = store_->instance();
    const auto added = store_->find_device("wm-0001")->value().added;
    move_elsewhere();

    EXPECT_TRUE(sessions().empty());
    EXPECT_TRUE(replies().empty());
    EXPECT_EQ(store_->status().sessions, 0U);
    // The same readings with the same ids, so that what the original delivered too is known as such.
    EXPECT_EQ(store_->uuid(), uuid);
    EXPECT_NE(store_->instance(), instance);
    const auto readings = waiting(0);
    ASSERT_EQ(readings.size(), 3U);
    for (const auto& reading : readings)
        EXPECT_EQ(reading.payload, payload_of(reading.number));
    EXPECT_EQ(store_->find_device("wm-0001")->value().added, added);
    // Events that no fold had written yet, and why nodes shake hands now.
    const auto events = store_->device_events("wm-0001", 16);
    ASSERT_TRUE(events.has_value());
    ASSERT_EQ(events->size(), 5U);
    EXPECT_EQ(events->front().body, kRestoredEvent);
    EXPECT_EQ(events->back().body, (Bytes{9, 1}));
    const auto audit = store_->audit(1);
    ASSERT_TRUE(audit.has_value());
    EXPECT_EQ(audit->at(0).action, "restore");
    EXPECT_EQ(audit->at(0).actor, kActor);

    Unit unit;
    unit.open = session(13, store_->find_device("wm-0001")->value().credentials[0].id);
    EXPECT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    reopen();
    EXPECT_EQ(sessions().size(), 1U);
}

// The evil: after the backup the original goes on, and both the original and two stores restored from the one
// copy give numbers. An upstream tells readings apart by them.
TEST_F(CopiesTest, NumbersOfReadingsAreNeverGivenTwiceAfterARestore) {
    prepare(2);
    ASSERT_TRUE(back_up_now().has_value());
    std::set<ReadingNumber> given;
    std::size_t count = 0;
    const auto give = [&] {
        for (int i = 0; i < 50; ++i) {
            const auto before = store_->head();
            ASSERT_EQ(commit(reading_unit(payload_of(1000))), Outcome::kCommitted);
            given.insert(before);
            ++count;
        }
    };
    give();
    prepare_elsewhere();
    const auto original_head = store_->head();
    for (int round = 0; round < 2; ++round) {
        const auto restored = restore_at(elsewhere_, round != 0);
        ASSERT_TRUE(restored.has_value()) << restored.error().text();
        const auto original = options_;
        move_elsewhere();
        EXPECT_EQ(store_->head(), restored->next_reading);
        EXPECT_GT(store_->head(), original_head + (std::uint64_t{1} << 39));
        give();
        // What lies between is not missing: progress stays a few ranges.
        const auto all = waiting(0);
        std::vector<ReadingNumber> numbers;
        for (const auto& reading : all)
            numbers.push_back(reading.number);
        acknowledge(0, numbers);
        EXPECT_EQ(store_->progress(0).range_count(), 1U);
        EXPECT_TRUE(waiting(0).empty());
        store_.reset();
        options_ = original;
    }
    EXPECT_EQ(given.size(), count);
}

TEST_F(CopiesTest, CredentialsComeBackAsTheyWere) {
    prepare(0);
    ASSERT_TRUE(back_up_now().has_value());
    ASSERT_TRUE(store_->revoke_device("wm-0001", kActor).has_value());
    add_device("wm-0002");
    store_.reset();
    const auto restored = restore_at(options_, true);
    ASSERT_TRUE(restored.has_value()) << restored.error().text();
    open();
    EXPECT_FALSE(store_->find_device("wm-0001")->value().revoked.has_value());
    EXPECT_FALSE(store_->find_device("wm-0002")->has_value());
}

TEST_F(CopiesTest, ARestoreKeepsTheStoreThatItReplaces) {
    prepare(1);
    ASSERT_TRUE(back_up_now().has_value());
    ASSERT_EQ(commit(reading_unit(payload_of(2))), Outcome::kCommitted);
    store_.reset();
    const auto refused = restore_at(options_);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().what, HasSubstr("there is a store already"));
    EXPECT_THAT(refused.error().cure, HasSubstr("--force"));
    open();
    EXPECT_EQ(sessions().size(), 1U) << "a refused restore changes nothing";
    EXPECT_EQ(waiting(0).size(), 1U);
    store_.reset();

    const auto restored = restore_at(options_, true);
    ASSERT_TRUE(restored.has_value()) << restored.error().text();
    open();
    EXPECT_TRUE(sessions().empty());
    EXPECT_TRUE(waiting(0).empty());
    store_.reset();
    // The old one is whole: put back by hand, it goes on.
    std::filesystem::rename(restored->set_aside, options_.directory / "state.db");
    open();
    EXPECT_EQ(sessions().size(), 1U);
    EXPECT_EQ(waiting(0).size(), 1U);
}

TEST_F(CopiesTest, ARestoreUnderARunningGatewayNamesIt) {
    prepare(1);
    ASSERT_TRUE(back_up_now().has_value());
    const auto refused = restore_at(options_, true);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().what, HasSubstr("in use by process " + std::to_string(getpid())));
    EXPECT_THAT(refused.error().cure, HasSubstr("stop"));
}

TEST_F(CopiesTest, ARestoreWantsTheKeyOfTheStoreThatWasBackedUp) {
    prepare(1);
    ASSERT_TRUE(back_up_now().has_value());
    std::filesystem::create_directory(elsewhere_.directory);
    const auto without = restore_at(elsewhere_);
    ASSERT_FALSE(without.has_value());
    EXPECT_THAT(without.error().what, HasSubstr("missing"));
    EXPECT_THAT(without.error().cure, HasSubstr((elsewhere_.directory / "state.key").string()));

    std::ofstream(elsewhere_.directory / "state.key") << std::string(64, '7');
    std::filesystem::permissions(elsewhere_.directory / "state.key", std::filesystem::perms(0600));
    const auto with_another = restore_at(elsewhere_);
    ASSERT_FALSE(with_another.has_value());
    EXPECT_THAT(with_another.error().what, HasSubstr("not the one"));
    for (const auto& entry : std::filesystem::directory_iterator(elsewhere_.directory)) {
        const auto name = entry.path().filename().string();
        EXPECT_TRUE(name == "state.key" || name == "state.lock") << name;
    }
}

TEST_F(CopiesTest, WhatIsNoBackupIsNotRestored) {
    prepare(1);
    ASSERT_TRUE(back_up_now().has_value());
    prepare_elsewhere();
    const auto good = content_of(backup_);
    const auto refused = [&](const std::string& content, const char* why) {
        std::ofstream(backup_, std::ios::binary | std::ios::trunc) << content;
        const auto restored = restore_at(elsewhere_);
        ASSERT_FALSE(restored.has_value()) << why;
        EXPECT_THAT(restored.error().text(), HasSubstr(why));
        EXPECT_FALSE(std::filesystem::exists(elsewhere_.directory / "state.db"));
    };
    refused("", "it is another file");
    refused(std::string(5000, 'x'), "it is no database");
    refused(good.substr(0, good.size() / 2), "damaged");
    auto torn = good;
    std::fill(torn.begin() + 8192, torn.begin() + 12'288, '\x55');
    refused(torn, "damaged");

    store_->stop();
    refused(content_of(options_.directory / "state.db"), "it is a store itself");

    std::ofstream(backup_, std::ios::binary | std::ios::trunc) << good;
    run_sql(backup_, "PRAGMA user_version = 99");
    refused(content_of(backup_), "format version 99");
    std::ofstream(backup_, std::ios::binary | std::ios::trunc) << good;
    run_sql(backup_, "INSERT INTO session VALUES(1, 1, x'01', x'02', 3, NULL)");
    refused(content_of(backup_), "it holds sessions");
}

// As a person would who knows nothing of `restore`.
TEST_F(CopiesTest, ABackupThatIsPutInTheStoresPlaceDoesNotStart) {
    prepare(1);
    ASSERT_TRUE(back_up_now().has_value());
    store_.reset();
    std::filesystem::copy_file(backup_, options_.directory / "state.db",
                               std::filesystem::copy_options::overwrite_existing);
    const auto opened = try_open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_THAT(opened.error().text(), HasSubstr("is a backup, not a store"));
    EXPECT_THAT(opened.error().cure, HasSubstr("narrowgate restore"));
}

}  // namespace
}  // namespace narrowgate::store
