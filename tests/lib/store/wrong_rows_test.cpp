// SPDX-License-Identifier: Apache-2.0
//
// Rows that somebody, or the disk, has changed behind the store's back: each costs its own session and no
// other, and is counted once.
#include <sqlite3.h>

#include <set>

#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

constexpr SessionId kSessions = 200;  // so many that their marks are in several blocks

class WrongRowsTest : public StoreTest {
protected:
    void SetUp() override {
        open();
        credential_ = add_device("wm-0001");
        for (SessionId id = 1; id <= kSessions; ++id) {
            Unit unit;
            unit.open = session(id, credential_);
            submit(std::move(unit));
        }
        ASSERT_EQ(commit({}), Outcome::kCommitted);
    }
    void tamper(const std::filesystem::path& directory, const std::string& sql) {
        sqlite3* database = nullptr;
        ASSERT_EQ(sqlite3_open((directory / "state.db").c_str(), &database), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(database);
        sqlite3_close(database);
    }
    void tamper(const std::string& sql) {
        store_.reset();
        tamper(options_.directory, sql);
        open();
    }
    // Changes the bytes of the blocks of marks by `change`.
    template <class Change>
    void edit_blocks(Change change) {
        store_.reset();
        sqlite3* database = nullptr;
        ASSERT_EQ(sqlite3_open((options_.directory / "state.db").c_str(), &database), SQLITE_OK);
        sqlite3_stmt* select = nullptr;
        sqlite3_stmt* update = nullptr;
        ASSERT_EQ(sqlite3_prepare_v2(database, "SELECT first, body FROM mark_block ORDER BY first", -1,
                                     &select, nullptr),
                  SQLITE_OK);
        ASSERT_EQ(sqlite3_prepare_v2(database, "UPDATE mark_block SET body = ?2 WHERE first = ?1", -1,
                                     &update, nullptr),
                  SQLITE_OK);
        std::vector<std::pair<std::int64_t, Bytes>> blocks;
        while (sqlite3_step(select) == SQLITE_ROW) {
            const auto* body = static_cast<const std::uint8_t*>(sqlite3_column_blob(select, 1));
            blocks.emplace_back(sqlite3_column_int64(select, 0),
                                Bytes(body, body + sqlite3_column_bytes(select, 1)));
        }
        sqlite3_finalize(select);
        ASSERT_GT(blocks.size(), 1U);
        change(blocks);
        for (const auto& [first, body] : blocks) {
            sqlite3_bind_int64(update, 1, first);
            sqlite3_bind_blob(update, 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
            EXPECT_EQ(sqlite3_step(update), SQLITE_DONE);
            sqlite3_reset(update);
        }
        sqlite3_finalize(update);
        sqlite3_close(database);
        open();
    }
    // Exactly these have ended: now, and counted once however often they are met, and after a reopen.
    void expect_ended(const std::set<SessionId>& ended) {
        std::set<SessionId> bad;
        auto reader = store_->session_reader([&](SessionId session) { bad.insert(session); });
        ASSERT_TRUE(reader.has_value());
        for (const auto id : ended)
            EXPECT_TRUE(
                (*reader)->find_by_cid(session(id, credential_).cid, [](SessionRow&&) {}).has_value());
        const auto rows = sessions();
        EXPECT_EQ(bad, ended);
        EXPECT_EQ(rows.size(), kSessions - ended.size());
        for (const auto id : ended)
            EXPECT_FALSE(rows.contains(id));
        EXPECT_EQ(store_->status().bad_rows, ended.size());
        reopen();
        EXPECT_EQ(sessions().size(), kSessions - ended.size());
        EXPECT_EQ(store_->status().bad_rows, 0U);
        EXPECT_EQ(store_->status().sessions, kSessions - ended.size());
    }

    CredentialId credential_ = 0;
};

TEST_F(WrongRowsTest, ATamperedSecretEndsItsSession) {
    tamper("UPDATE session SET sealed = zeroblob(length(sealed)) WHERE id = 11");
    expect_ended({11});
}

TEST_F(WrongRowsTest, ATruncatedSecretEndsItsSession) {
    tamper(
        "UPDATE session SET sealed = substr(sealed, 1, 40) WHERE id = 11;"
        "UPDATE session SET sealed = x'' WHERE id = 12");
    expect_ended({11, 12});
}

// Keys bound to their row: somebody who can edit the file cannot give one session's keys to another.
TEST_F(WrongRowsTest, SwappedSecretsOpenNeither) {
    tamper(
        "CREATE TEMP TABLE before AS SELECT id, sealed FROM session WHERE id IN (11, 12);"
        "UPDATE session SET sealed = (SELECT sealed FROM before WHERE before.id = 23 - session.id)"
        " WHERE id IN (11, 12)");
    expect_ended({11, 12});
}

TEST_F(WrongRowsTest, NeitherAnotherCidNorAnotherCredentialFitsTheKeys) {
    add_device("wm-0002");
    store_.reset();
    open();
    tamper(
        "UPDATE session SET cid = x'10010203ffff' WHERE id = 11; UPDATE session SET credential = 2 WHERE id "
        "= 12");
    std::set<SessionId> bad;
    auto reader = store_->session_reader([&](SessionId session) { bad.insert(session); });
    EXPECT_FALSE(*(*reader)->next(1'000, [](SessionRow&&) {}));
    EXPECT_EQ(bad, (std::set<SessionId>{11, 12}));
}

// The whole row, mark and all, of a store with another sealing key.
TEST_F(WrongRowsTest, ASessionOfAForeignStoreDoesNotOpen) {
    Options other = options_;
    other.directory = directory_.path() / "foreign";
    {
        auto foreign = Store::open(other, log_, clock_);
        ASSERT_TRUE(foreign.has_value());
        const auto credential = (*foreign)->add_device(new_device("wm-0001"), kActor);
        const auto sink = (*foreign)->add_sink([](auto&&) {});
        Unit unit;
        unit.open = session(11, *credential);
        unit.sink = sink;
        ASSERT_TRUE((*foreign)->submit(std::move(unit)));
    }
    store_.reset();
    tamper(options_.directory, "ATTACH '" + (other.directory / "state.db").string() +
                                   "' AS other; UPDATE session SET sealed = (SELECT sealed FROM"
                                   " other.session WHERE id = 11) WHERE id = 11");
    open();
    expect_ended({11});
}

TEST_F(WrongRowsTest, ATamperedMarkEndsItsSession) {
    edit_blocks([](auto& blocks) {
        // The first entry after the format byte: u64 id, u8 length, then the mark: u8 flags, right edge.
        blocks[0].second[1 + 8 + 1 + 1] ^= 0x01;
    });
    expect_ended({1});
}

// Each mark is bound to its session: one that has heard less cannot lend its mark to another.
TEST_F(WrongRowsTest, SwappedMarksFitNeitherSession) {
    edit_blocks([](auto& blocks) {
        auto& body = blocks[0].second;
        std::swap(body[1 + 7], body[1 + 8 + 1 + body[1 + 8] + 4 + 7]);  // the low bytes of two ids
    });
    // Out of order now, too: 2 comes before 1. Neither is found with a mark that fits.
    expect_ended({1, 2});
}

// Behind a length that is wrong the next whole mark is found again.
TEST_F(WrongRowsTest, AWrongLengthInABlockEndsItsSessionAndNoOther) {
    edit_blocks([](auto& blocks) { blocks[0].second[1 + 8] ^= 0x15; });
    expect_ended({1});
}

TEST_F(WrongRowsTest, AWrongFirstByteOfABlockEndsNothing) {
    edit_blocks([](auto& blocks) { blocks[0].second[0] ^= 0xff; });
    expect_ended({});
}

TEST_F(WrongRowsTest, ATruncatedBlockEndsOnlyTheSessionsWhoseMarksAreGone) {
    edit_blocks([](auto& blocks) { blocks[0].second.resize(blocks[0].second.size() - 3); });
    store_.reset();
    open();
    const auto rows = sessions();
    EXPECT_EQ(rows.size(), kSessions - 1);
    EXPECT_EQ(store_->status().bad_rows, 1U);
}

TEST_F(WrongRowsTest, ALostBlockEndsItsSessionsAndNoOther) {
    std::size_t lost = 0;
    edit_blocks([&](auto& blocks) {
        const auto& body = blocks[1].second;
        for (std::size_t at = 1; at < body.size(); at += 8 + 1 + body[at + 8] + 4)
            ++lost;
        blocks[1].second.clear();
    });
    EXPECT_EQ(sessions().size(), kSessions - lost);
    EXPECT_EQ(store_->status().bad_rows, lost);
    reopen();
    EXPECT_EQ(sessions().size(), kSessions - lost);
}

}  // namespace
}  // namespace narrowgate::store
