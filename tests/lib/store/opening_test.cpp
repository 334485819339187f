// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "store_fixture.hpp"
#include "version_2.hpp"

namespace narrowgate::store {
namespace {

class OpeningTest : public StoreTest {
protected:
    std::filesystem::path file(const char* name) const { return options_.directory / name; }
    void write(const char* name, const std::string& content) const {
        std::ofstream(file(name), std::ios::binary) << content;
        chmod(file(name).c_str(), 0600);
    }
    void run_sql(const std::string& sql) const { store::run_sql(file("state.db"), sql); }
    // The open must fail, and say so in words that name `what` and `cure`.
    void expect_refusal(const std::string& what, const std::string& cure) {
        store_.reset();
        const auto opened = try_open();
        ASSERT_FALSE(opened.has_value());
        EXPECT_NE(opened.error().what.find(what), std::string::npos) << opened.error().text();
        EXPECT_NE(opened.error().cure.find(cure), std::string::npos) << opened.error().text();
    }
};

TEST_F(OpeningTest, MakesADirectoryThatOnlyItsOwnerSees) {
    open();
    struct stat info{};
    ASSERT_EQ(stat(options_.directory.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700U);
    for (const char* name : {"state.db", "state.lock", "state.key"}) {
        ASSERT_EQ(stat(file(name).c_str(), &info), 0) << name;
        EXPECT_EQ(info.st_mode & 07777, 0600U) << name;
    }
    EXPECT_EQ(std::filesystem::file_size(file("state.ballast")), options_.ballast_bytes);
}

TEST_F(OpeningTest, ASecondDaemonIsToldWhoHoldsTheStore) {
    open();
    const auto second = try_open();
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().what.find("process " + std::to_string(getpid())), std::string::npos)
        << second.error().text();
    EXPECT_FALSE(second.error().cure.empty());
    store_.reset();
    EXPECT_TRUE(try_open().has_value());
}

TEST_F(OpeningTest, ADirectoryThatCannotBeMadeIsNamedWithItsCure) {
    std::ofstream(directory_.path() / "file") << "in the way";
    options_.directory = directory_.path() / "file" / "state";
    expect_refusal((directory_.path() / "file" / "state").string(), "own");
}

TEST_F(OpeningTest, ANewerStoreIsRefused) {
    open();
    store_.reset();
    run_sql("PRAGMA user_version = 6");
    expect_refusal("version 6", "newer");
}

TEST_F(OpeningTest, SomebodyElsesDatabaseIsLeftAlone) {
    std::filesystem::create_directory(options_.directory);
    run_sql("CREATE TABLE recipes(name TEXT)");
    expect_refusal("not one of narrowgate's", "directory of its own");
    run_sql("INSERT INTO recipes VALUES('still there')");
}

TEST_F(OpeningTest, ADamagedDatabaseIsReportedWithAWayOut) {
    open();
    store_.reset();
    write("state.db", std::string(8192, 'x'));
    expect_refusal("state.db", "damaged");
}

TEST_F(OpeningTest, ADatabaseDamagedInsideIsReportedToo) {
    open();
    upstream("aws");
    store_.reset();
    // The first table page after the schema's: wherever SQLite meets it, it must end in words, not in a
    // crash.
    std::fstream(file("state.db"), std::ios::binary | std::ios::in | std::ios::out)
        .seekp(4096)
        .write(std::string(4096, '\xff').data(), 4096);
    expect_refusal("state.db", "damaged");
}

TEST_F(OpeningTest, AWrongSealingKeyIsRefused) {
    open();
    store_.reset();
    write("state.key", std::string(64, 'a'));
    expect_refusal("not the one", "right key");
}

TEST_F(OpeningTest, AMissingSealingKeyIsNotReplaced) {
    open();
    store_.reset();
    std::filesystem::remove(file("state.key"));
    expect_refusal("missing", "put the key back");
    EXPECT_FALSE(std::filesystem::exists(file("state.key")));
}

TEST_F(OpeningTest, ASealingKeyThatOthersCanReadIsRefusedWithTheChmod) {
    open();
    store_.reset();
    chmod(file("state.key").c_str(), 0640);
    expect_refusal("read by others", "chmod 600");
}

TEST_F(OpeningTest, ASealingKeyThatIsNoneIsRefused) {
    open();
    store_.reset();
    write("state.key", "secret\n");
    expect_refusal("does not hold a sealing key", "64 hexadecimal digits");
}

TEST_F(OpeningTest, TheSystemdCredentialIsTheSealingKeyWhenThereIsOne) {
    options_.credentials_directory = directory_.path() / "credentials";
    std::filesystem::create_directory(options_.credentials_directory);
    const auto credential = options_.credentials_directory / "narrowgate-state-key";
    std::ofstream(credential) << std::string(64, '7') << "\n";
    chmod(credential.c_str(), 0440);
    open();
    add_device("wm-0001");
    EXPECT_FALSE(std::filesystem::exists(file("state.key")));
    reopen();
    std::ofstream(credential) << std::string(64, '8') << "\n";
    expect_refusal("not the one", "right key");
}

// Version 1 as it was: no dead letters. Written out here, since the code that made it moves on.
TEST_F(OpeningTest, AStoreOfVersionOneIsBroughtUpWithAllItHolds) {
    open();
    const auto aws = upstream("aws");
    add_device("wm-0001");
    store_.reset();
    // A page of one reading: device "d", fleet "f", resource "r", no Content-Format, payload aabb, for bit 0.
    run_sql(kMakeVersion2);
    run_sql(
        "DROP TABLE dead_letter; DELETE FROM sqlite_sequence; PRAGMA user_version = 1;"
        "INSERT INTO page VALUES(90, 7, 1, 1, 3, x'01060301640166017201000102000001"
        "02aabb', x'')");
    open();
    EXPECT_EQ(store_->find_device("wm-0001")->value().credentials.size(), 1U);
    const auto readings = waiting(aws);
    ASSERT_EQ(readings.size(), 1U);
    EXPECT_EQ(readings[0].number, 7U);
    EXPECT_EQ(readings[0].device, "d");
    EXPECT_EQ(readings[0].payload, (Bytes{0xaa, 0xbb}));
    EXPECT_EQ(store_->head(), 8U);
    store_->dead_letter(aws, 7, "refused");
    ASSERT_TRUE(store_->flush().has_value());
    EXPECT_EQ(store_->dead_letters(1)->size(), 1U);
}

// Version 2 as it was: a session is one row, effects know nothing of traffic. Its sealed keys are those of
// today's form.
TEST_F(OpeningTest, ASessionOfVersionTwoGoesOn) {
    open();
    const auto credential = add_device("wm-0001");
    for (const SessionId id : {SessionId{11}, SessionId{12}, ~SessionId{0}}) {
        Unit unit;
        unit.open = session(id, credential);
        if (id == 12) unit.open->cid.clear();
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
    store_.reset();
    run_sql(kMakeVersion2);
    // A page that marks session 11: edge 9, all of the window, lease 1024, confirmed.
    run_sql(
        "INSERT INTO page SELECT value + 1, 1, 0, 0, 0, x'',"
        " x'0103000000000000000b010900800801c0000201163401c6336407163300' FROM meta WHERE name = "
        "'folded_to'");
    open();
    const auto rows = sessions();
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows.at(11).right_edge, 9U);
    EXPECT_EQ(rows.at(11).lease_end, 1024U);
    EXPECT_TRUE(rows.at(11).confirmed);
    EXPECT_EQ(rows.at(12).right_edge, 1U);
    EXPECT_EQ(rows.at(12).window, 3U);
    EXPECT_EQ(rows.at(12).path, path_from(5683));
    EXPECT_EQ(rows.at(12).heard, 0U);
    EXPECT_EQ(text_of(rows.at(11).secret.view()), "master secret of session 11");
    EXPECT_EQ(rows.at(~SessionId{0}).last_seen, WallTime(seconds(6)));
    EXPECT_EQ(store_->status().sessions, 3U);
    EXPECT_EQ(store_->status().credentials, 1U);
    reopen();
    EXPECT_EQ(sessions().size(), 3U);
    EXPECT_EQ(store_->status().bad_rows, 0U);
}

TEST_F(OpeningTest, AnUnreadablePageCostsNothingElse) {
    open();
    const auto aws = upstream("aws");
    for (std::uint64_t i = 1; i <= 3; ++i)
        ASSERT_EQ(commit(reading_unit(payload_of(i))), Outcome::kCommitted);
    store_.reset();
    run_sql("UPDATE page SET body = x'ff' WHERE first_reading = 2");
    open();
    const auto readings = waiting(aws);
    ASSERT_EQ(readings.size(), 2U);
    EXPECT_EQ(readings[1].number, 3U);
}

}  // namespace
}  // namespace narrowgate::store
