// SPDX-License-Identifier: Apache-2.0
#include "reply_table.hpp"

#include <sqlite3.h>

#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

const WallTime kRepliesNoon{std::chrono::seconds(1'772'366'400)};

TEST(ReplyListTest, GivesBackWhatWasPutIn) {
    ReplyList list;
    list.add({1, 2, kRepliesNoon, {0x60, 0x44}});
    list.add({3, 0xffff, kRepliesNoon + seconds(1), {}});
    list.add({4, 5, kRepliesNoon - seconds(1), {0x61}});
    EXPECT_EQ(list.expires(), kRepliesNoon + seconds(1));
    const auto replies = decode_replies(list.bytes());
    ASSERT_TRUE(replies.has_value());
    ASSERT_EQ(replies->size(), 3U);
    EXPECT_EQ((*replies)[0].session, 1U);
    EXPECT_EQ((*replies)[0].reply, (Bytes{0x60, 0x44}));
    EXPECT_EQ((*replies)[1].message_id, 0xffff);
    EXPECT_EQ((*replies)[1].expires, kRepliesNoon + seconds(1));
    EXPECT_EQ((*replies)[2].expires, kRepliesNoon - seconds(1));
}

// The form of docs/store.md, byte by byte: a change here is a new format version.
TEST(ReplyListTest, HasTheDocumentedBytes) {
    ReplyList list;
    list.add({7, 0x1234, WallTime(std::chrono::microseconds(3)), {0x60}});
    list.add({8, 1, WallTime(std::chrono::microseconds(2)), {}});
    EXPECT_EQ(to_hex(list.bytes()),
              "01"
              "0000000000000007"
              "1234"
              "06"
              "0160"
              "0000000000000008"
              "0001"
              "01"
              "00");
}

class ReplyTableTest : public StoreTest {
protected:
    void SetUp() override {
        open();
        Unit unit;
        unit.open = session(kSession, add_device("wm-0001"));
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    void reply(std::uint16_t message_id, seconds lifetime) {
        Unit unit;
        unit.reply = StoredReply{kSession, message_id, clock_.now().wall + lifetime, {0x60}};
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    // The next turns of the writer fold, slice by slice, and delete what is no longer needed; each unit makes
    // it turn once.
    void fold() {
        clock_.advance(seconds(6));
        for (int turn = 0; turn < 8; ++turn)
            ASSERT_EQ(commit(Unit{}), Outcome::kCommitted);
        ASSERT_TRUE(store_->flush().has_value());
    }
    std::int64_t count(const std::string& table) const {
        sqlite3* database = nullptr;
        sqlite3_stmt* statement = nullptr;
        EXPECT_EQ(sqlite3_open((options_.directory / "state.db").c_str(), &database), SQLITE_OK);
        EXPECT_EQ(
            sqlite3_prepare_v2(database, ("SELECT count(*) FROM " + table).c_str(), -1, &statement, nullptr),
            SQLITE_OK);
        EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
        const auto rows = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(database);
        return rows;
    }
    std::vector<std::uint16_t> kept() {
        std::vector<std::uint16_t> ids;
        for (const auto& reply : replies())
            ids.push_back(reply.message_id);
        return ids;
    }
    static constexpr SessionId kSession = 11;
};

TEST_F(ReplyTableTest, TheRepliesOfManyCommitsBecomeOneRow) {
    for (std::uint16_t id = 1; id <= 5; ++id)
        reply(id, seconds(247));
    EXPECT_EQ(count("reply_page"), 0);
    fold();
    EXPECT_EQ(count("reply_page"), 1);
    EXPECT_EQ(count("page"), 0);  // their pages are gone
    EXPECT_EQ(kept(), (std::vector<std::uint16_t>{1, 2, 3, 4, 5}));
    reply(6, seconds(247));
    fold();
    EXPECT_EQ(count("reply_page"), 2);
    reopen();
    EXPECT_EQ(kept(), (std::vector<std::uint16_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(ReplyTableTest, WhatExpiresBeforeTheFoldIsNeverMoved) {
    reply(1, seconds(3));
    fold();
    EXPECT_EQ(count("reply_page"), 0);
    EXPECT_TRUE(kept().empty());
}

TEST_F(ReplyTableTest, RowsGoOnceAllInThemHasExpired) {
    reply(1, seconds(10));
    reply(2, seconds(30));
    fold();
    clock_.advance(seconds(8));
    fold();
    EXPECT_EQ(kept(), (std::vector<std::uint16_t>{2}));  // 20 s after the replies
    EXPECT_EQ(count("reply_page"), 1);
    clock_.advance(seconds(4));
    fold();
    EXPECT_EQ(count("reply_page"), 0);
}

// A journal with one folded and one unfolded half, as a crash leaves it: a copy of the files at that moment.
TEST_F(ReplyTableTest, ACrashBetweenFoldsLosesNoReplyAndDoublesNone) {
    reply(1, seconds(247));
    fold();
    reply(2, seconds(247));
    const auto copy = directory_.path() / "copy";
    std::filesystem::copy(options_.directory, copy, std::filesystem::copy_options::recursive);
    std::filesystem::remove(copy / "state.lock");
    store_.reset();
    options_.directory = copy;
    open();
    EXPECT_EQ(kept(), (std::vector<std::uint16_t>{1, 2}));
    reopen();
    EXPECT_EQ(kept(), (std::vector<std::uint16_t>{1, 2}));
}

}  // namespace
}  // namespace narrowgate::store
