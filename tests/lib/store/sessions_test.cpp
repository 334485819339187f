// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <fstream>

#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

class SessionsTest : public StoreTest {
protected:
    void SetUp() override {
        open();
        credential_ = add_device("wm-0001");
        Unit unit;
        unit.open = session(11, credential_);
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    // Edits the database behind the store's back.
    void tamper(const std::string& sql) {
        store_.reset();
        sqlite3* database = nullptr;
        ASSERT_EQ(sqlite3_open((options_.directory / "state.db").c_str(), &database), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
            << sqlite3_errmsg(database);
        sqlite3_close(database);
        open();
    }
    CredentialId credential_ = 0;
};

TEST_F(SessionsTest, ComeBackWithTheirLastMark) {
    Unit unit;
    unit.mark = mark(11, 77);
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    reopen();
    const auto rows = sessions();
    ASSERT_EQ(rows.size(), 1U);
    const auto& row = rows.at(11);
    EXPECT_EQ(row.credential, credential_);
    EXPECT_EQ(row.cid, (Bytes{0x10, 1, 2, 3, 4, 11}));
    EXPECT_EQ(text_of(row.secret.view()), "master secret of session 11");
    EXPECT_TRUE(row.confirmed);
    EXPECT_EQ(row.right_edge, 77U);
    EXPECT_EQ(row.window, ~std::uint64_t{0});
    EXPECT_EQ(row.lease_end, 2048U);
    EXPECT_EQ(row.path.remote.port, 40'000);
}

TEST_F(SessionsTest, EndWhenTheyAreClosed) {
    Unit unit;
    unit.close = {11, 12};
    unit.open = session(13, credential_);
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    // A mark that was on its way when the session ended does not bring it back.
    Unit late;
    late.mark = mark(11, 99);
    ASSERT_EQ(commit(std::move(late)), Outcome::kCommitted);
    reopen();
    const auto rows = sessions();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows.contains(13));
}

// Effects reach the tables late; many folds must give what one would.
TEST_F(SessionsTest, AreTheSameHoweverOftenTheJournalIsFolded) {
    for (std::uint64_t i = 2; i < 30; ++i) {
        Unit unit;
        unit.mark = mark(11, i);
        if (i % 3 == 0) unit.open = session(100 + i, credential_);
        if (i % 6 == 0) unit.close = {100 + i - 3};
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
        clock_.advance(seconds(3));  // a fold each other commit
    }
    reopen();
    const auto rows = sessions();
    EXPECT_EQ(rows.at(11).right_edge, 29U);
    EXPECT_EQ(rows.size(), 6U);  // 11; opened: 103, 106 … 127 (9); closed: 103, 109, 115, 121
    EXPECT_EQ(store_->status().sessions, 6U);
}

TEST_F(SessionsTest, OfACredentialThatIsNotInUseAreNotKept) {
    Unit unit;
    unit.open = session(12, 4711);
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    reopen();
    EXPECT_EQ(sessions().size(), 1U);
    EXPECT_EQ(store_->status().sessions, 1U);
}

// A stop is no silence: only what passes while the gateway runs makes a session old.
TEST_F(SessionsTest, ServiceTimeCountsWhatTheStoreWasOpenAndNoMore) {
    EXPECT_EQ(store_->service_time(), seconds(0));
    clock_.advance(seconds(100));
    EXPECT_EQ(store_->service_time(), seconds(100));
    Unit unit;
    unit.mark = mark(11, 2);
    unit.mark->heard = 100;
    unit.mark->traffic = {1'000, 2'000, 3, 4};
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    store_.reset();
    clock_.advance(std::chrono::days(90));
    open();
    EXPECT_EQ(store_->service_time(), seconds(100));
    EXPECT_EQ(sessions().at(11).heard, 100U);
    EXPECT_EQ(sessions().at(11).traffic, (Traffic{1'000, 2'000, 3, 4}));
}

TEST_F(SessionsTest, NoSecretIsInAnyFileInTheClear) {
    store_->stop();
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string content{std::istreambuf_iterator<char>(file), {}};
        EXPECT_EQ(content.find("master secret"), std::string::npos) << entry.path();
        EXPECT_EQ(content.find("0123456789abcdef"), std::string::npos) << entry.path();
        EXPECT_EQ(std::filesystem::status(entry.path()).permissions() & std::filesystem::perms(077),
                  std::filesystem::perms::none)
            << entry.path();
    }
}

TEST_F(SessionsTest, RepliesAreRememberedUntilTheyExpire) {
    const auto now = clock_.now().wall;
    Unit unit;
    unit.mark = mark(11, 2);
    unit.reply = StoredReply{11, 0x1234, now + seconds(247), {0x60, 0x44, 0x12, 0x34}};
    ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    reopen();
    const auto kept = replies();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].message_id, 0x1234);
    EXPECT_EQ(kept[0].reply, (Bytes{0x60, 0x44, 0x12, 0x34}));
    clock_.advance(seconds(248));
    EXPECT_TRUE(replies().empty());
}

TEST_F(SessionsTest, StoredRepliesAreBounded) {
    options_.max_reply_bytes = 4096;
    reopen();
    for (std::uint16_t id = 0; id < 20; ++id) {
        Unit unit;
        unit.reply = StoredReply{11, id, clock_.now().wall + std::chrono::hours(1), Bytes(1000, 0x60)};
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    reopen();
    const auto kept = replies();
    EXPECT_EQ(kept.size(), 4U);
    EXPECT_EQ(kept.back().message_id, 19);
}

TEST_F(SessionsTest, CanBeLookedAtWithoutTheirSecrets) {
    reopen();
    const auto last = store_->last_sessions(10);
    ASSERT_TRUE(last.has_value());
    ASSERT_EQ(last->size(), 1U);
    EXPECT_TRUE(last->front().secret.empty());
}

TEST_F(SessionsTest, AreReadInPiecesAndFoundByCidByPathAndByCredential) {
    const auto other = add_device("wm-0002");
    for (const SessionId id : {SessionId{12}, SessionId{13}, ~SessionId{0}}) {
        Unit unit;
        unit.open = session(id, id == 13 ? other : credential_);
        if (id == 12) unit.open->cid.clear();
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    reopen();
    auto reader = store_->session_reader([](SessionId) { FAIL(); });
    ASSERT_TRUE(reader.has_value());
    std::vector<SessionId> seen;
    const auto take = [&](SessionRow&& row) { seen.push_back(row.id); };
    EXPECT_TRUE(*(*reader)->next(3, take));
    EXPECT_FALSE(*(*reader)->next(3, take));
    EXPECT_FALSE(*(*reader)->next(3, take));
    EXPECT_EQ(seen, (std::vector<SessionId>{~SessionId{0}, 11, 12, 13}));

    const auto found = [&](auto find) {
        seen.clear();
        EXPECT_TRUE(find().has_value());
        return seen;
    };
    EXPECT_EQ(found([&] { return (*reader)->find_by_cid(session(13, 0).cid, take); }),
              std::vector<SessionId>{13});
    EXPECT_TRUE(found([&] { return (*reader)->find_by_cid(Bytes{1}, take); }).empty());
    EXPECT_EQ(found([&] { return (*reader)->find_by_path(path_from(5683), take); }),
              std::vector<SessionId>{12});
    EXPECT_TRUE(found([&] { return (*reader)->find_by_path(path_from(1), take); }).empty());
    EXPECT_EQ(found([&] { return (*reader)->find_of(credential_, take); }),
              (std::vector<SessionId>{~SessionId{0}, 11, 12}));
}

}  // namespace
}  // namespace narrowgate::store
