// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "store_fixture.hpp"
#include "version_2.hpp"

namespace narrowgate::store {
namespace {

Bytes append(ByteView before, std::uint8_t byte) {
    Bytes after(before.begin(), before.end());
    after.push_back(byte);
    return after;
}

class FiguresTest : public StoreTest {
protected:
    // Appends `byte` to each one's body, and waits until that is on disk.
    Expected<void> change(std::vector<std::string> devices, std::uint8_t byte) {
        std::promise<Expected<void>> promise;
        auto written = promise.get_future();
        const bool taken = store_->change_figures(
            {.devices = std::move(devices),
             .merge = [byte](std::string_view, ByteView before) { return append(before, byte); },
             .done = [&](Expected<void> done) { promise.set_value(std::move(done)); }});
        EXPECT_TRUE(taken);
        return written.get();
    }
    Bytes figures_of(std::string_view device) { return store_->figures_of(device).value(); }
    std::vector<FiguresRow> all(std::size_t at_once) {
        auto reader = store_->figures_reader();
        EXPECT_TRUE(reader.has_value());
        std::vector<FiguresRow> rows;
        for (bool more = true; more;)
            more =
                (*reader)->next(at_once, [&](FiguresRow&& row) { rows.push_back(std::move(row)); }).value();
        return rows;
    }
};

TEST_F(FiguresTest, WhatIsMergedIsThereAfterARestart) {
    open();
    add_device("wm-0001");
    add_device("wm-0002");
    EXPECT_TRUE(figures_of("wm-0001").empty());
    ASSERT_TRUE(change({"wm-0001", "wm-0002"}, 7).has_value());
    ASSERT_TRUE(change({"wm-0001"}, 8).has_value());
    reopen();
    EXPECT_EQ(figures_of("wm-0001"), (Bytes{7, 8}));
    EXPECT_EQ(figures_of("wm-0002"), (Bytes{7}));
}

TEST_F(FiguresTest, AllDevicesInUseAreReadInBatchesWithTheirNewestCredential) {
    open();
    for (const char* identity : {"a", "b", "c", "d", "e"})
        add_device(identity);
    ASSERT_TRUE(store_->revoke_device("d", kActor).has_value());
    const CredentialId second = add_device("b#2", "b");
    ASSERT_TRUE(change({"c"}, 1).has_value());
    ASSERT_TRUE(store_->set_report_interval("a", seconds(3600), kActor).has_value());
    const auto rows = all(2);
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].device, "a");
    EXPECT_EQ(rows[0].report_interval, seconds(3600));
    EXPECT_EQ(rows[1].credential, second);
    EXPECT_EQ(rows[1].fleet, "water-meters");
    EXPECT_EQ(rows[2].body, (Bytes{1}));
    EXPECT_EQ(rows[2].report_interval, std::nullopt);
    EXPECT_EQ(rows[3].device, "e");
}

// Counted while the operator revokes it: the row must not come back behind the revocation.
TEST_F(FiguresTest, FiguresOfARevokedDeviceAreGoneAndStayGone) {
    open();
    add_device("wm-0001");
    ASSERT_TRUE(change({"wm-0001"}, 7).has_value());
    ASSERT_TRUE(store_->set_report_interval("wm-0001", seconds(60), kActor).has_value());
    ASSERT_TRUE(store_->revoke_device("wm-0001", kActor).has_value());
    ASSERT_TRUE(change({"wm-0001", "never-added"}, 8).has_value());
    EXPECT_TRUE(figures_of("wm-0001").empty());
    EXPECT_TRUE(figures_of("never-added").empty());
    add_device("wm-0001");
    EXPECT_TRUE(figures_of("wm-0001").empty());
    EXPECT_EQ(store_->find_device("wm-0001")->value().report_interval, std::nullopt);
}

TEST_F(FiguresTest, AReportIntervalIsKeptAndAudited) {
    open();
    add_device("wm-0001#2", "wm-0001");
    EXPECT_EQ(store_->set_report_interval("wm-0001#2", seconds(3600), kActor).value(), "wm-0001");
    reopen();
    EXPECT_EQ(store_->find_device("wm-0001")->value().report_interval, seconds(3600));
    EXPECT_EQ(store_->devices({}, 1)->at(0).report_interval, seconds(3600));
    const auto audit = store_->audit(1).value();
    EXPECT_EQ(audit.at(0).action, "interval");
    EXPECT_EQ(audit.at(0).subject, "wm-0001");
    EXPECT_EQ(audit.at(0).actor, kActor);
    ASSERT_TRUE(store_->set_report_interval("wm-0001", std::nullopt, kActor).has_value());
    EXPECT_EQ(store_->find_device("wm-0001")->value().report_interval, std::nullopt);
}

TEST_F(FiguresTest, AReportIntervalOutOfBoundsOrOfNobodyIsRefused) {
    open();
    add_device("wm-0001");
    EXPECT_FALSE(store_->set_report_interval("wm-0002", seconds(60), kActor).has_value());
    EXPECT_FALSE(store_->set_report_interval("wm-0001", seconds(0), kActor).has_value());
    EXPECT_FALSE(store_->set_report_interval("wm-0001", std::chrono::days(32), kActor).has_value());
    EXPECT_EQ(store_->find_device("wm-0001")->value().report_interval, std::nullopt);
}

// Version 4 as it was. Written out here, since the code that made it has moved on.
TEST_F(FiguresTest, AStoreOfVersionFourIsBroughtUp) {
    open();
    add_device("wm-0001");
    store_.reset();
    run_sql(options_.directory / "state.db",
            "DROP TABLE device_figures; ALTER TABLE device DROP COLUMN report_interval;"
            "PRAGMA user_version = 4");
    open();
    EXPECT_TRUE(figures_of("wm-0001").empty());
    ASSERT_TRUE(change({"wm-0001"}, 7).has_value());
    EXPECT_EQ(figures_of("wm-0001"), (Bytes{7}));
    EXPECT_EQ(all(10).size(), 1U);
}

}  // namespace
}  // namespace narrowgate::store
