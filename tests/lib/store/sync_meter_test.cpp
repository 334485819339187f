// SPDX-License-Identifier: Apache-2.0
//
// What a commit's fsync took, over disks that are real, slow, broken or without power.
#include "sync_meter.hpp"

#include <sqlite3.h>

#include <atomic>
#include <string>

#include "fakes/power_cut_vfs.hpp"
#include "file_layer.hpp"
#include "sqlite.hpp"
#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

using std::chrono::microseconds;

constexpr milliseconds kSlowSync{7};
constexpr milliseconds kSlowWrite{2};

// A disk on which each write and each sync of a write-ahead log takes its time, by the clock of the test.
// Syncs can be made to fail.
class SlowLogDisk {
public:
    explicit SlowLogDisk(SharedClock& clock) : clock_(clock), layer_(passed_to_layer(*find_file_layer(""))) {
        layer_.zName = kName;
        layer_.szOsFile = static_cast<int>(sizeof(File)) + layer_.below->szOsFile;
        layer_.pAppData = this;
        layer_.xOpen = open;
        sqlite3_vfs_register(&layer_, 0);
    }
    ~SlowLogDisk() { sqlite3_vfs_unregister(&layer_); }
    SlowLogDisk(const SlowLogDisk&) = delete;
    SlowLogDisk& operator=(const SlowLogDisk&) = delete;

    static constexpr const char* kName = "slow-log";
    std::atomic<int> sync_result = SQLITE_OK;

private:
    struct File {
        sqlite3_file base;
        SlowLogDisk* disk;

        sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    };

    static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
        reinterpret_cast<File*>(file)->disk->clock_.advance(kSlowWrite);
        return PassedToFile<File, &sqlite3_io_methods::xWrite>::call(file, bytes, count, at);
    }
    static int sync(sqlite3_file* file, int) {
        auto& disk = *reinterpret_cast<File*>(file)->disk;
        disk.clock_.advance(kSlowSync);
        return disk.sync_result;
    }
    static int open(sqlite3_vfs* layer, const char* path, sqlite3_file* file, int flags, int* granted) {
        static constexpr sqlite3_io_methods kSlow = [] {
            sqlite3_io_methods methods = passed_to_file<File>();
            methods.xWrite = write;
            methods.xSync = sync;
            return methods;
        }();
        auto& disk = *static_cast<SlowLogDisk*>(layer->pAppData);
        sqlite3_vfs* below = disk.layer_.below;
        if ((flags & SQLITE_OPEN_WAL) == 0) return below->xOpen(below, path, file, flags, granted);
        auto& log = *reinterpret_cast<File*>(file);
        log.disk = &disk;
        const int code = below->xOpen(below, path, log.below(), flags, granted);
        log.base.pMethods = log.below()->pMethods != nullptr ? &kSlow : nullptr;
        return code;
    }

    SharedClock& clock_;
    LayerOver layer_;
};

std::uint64_t samples_in(const Histogram& histogram) {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : histogram.counts())
        sum += count;
    return sum;
}

class SyncMeterTest : public StoreTest {
protected:
    // A database in WAL mode, as the engine opens it.
    Database database_over(const SyncMeter& meter) {
        Database database(directory_.path() / "a.db", meter.name(), false);
        database.run(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
            "CREATE TABLE a (b)");
        return database;
    }
    static void insert(Database& database) {
        Transaction transaction(database);
        database.run("INSERT INTO a VALUES (randomblob(100))");
        transaction.commit();
    }
};

TEST_F(SyncMeterTest, ACommitSyncsItsLogOnce) {
    SyncMeter meter("", clock_);
    Database database = database_over(meter);
    EXPECT_GT(meter.take().count, 0U) << "the table";
    for (int i = 0; i < 3; ++i) {
        insert(database);
        EXPECT_EQ(meter.take().count, 1U);
    }
    EXPECT_EQ(database.integer("SELECT count(*) FROM a"), 3);
    EXPECT_EQ(meter.take().count, 0U) << "reading syncs nothing";
    // A passive checkpoint syncs the log before it copies, and the commit that starts the log over its head.
    database.run("PRAGMA wal_checkpoint(PASSIVE)");
    EXPECT_EQ(meter.take().count, 1U);
    insert(database);
    EXPECT_EQ(meter.take().count, 2U);
}

// With synchronous=NORMAL a commit is not durable when it returns, and the figure says so.
TEST_F(SyncMeterTest, ACommitThatIsNotSyncedHasNone) {
    SyncMeter meter("", clock_);
    Database database = database_over(meter);
    database.run("PRAGMA synchronous = NORMAL");
    (void)meter.take();
    insert(database);
    EXPECT_EQ(meter.take().count, 0U);
}

TEST_F(SyncMeterTest, TellsTheDisksTimeFromOther) {
    SlowLogDisk disk(clock_);
    SyncMeter meter(SlowLogDisk::kName, clock_);
    Database database = database_over(meter);
    insert(database);
    (void)meter.take();
    const auto before = clock_.now().steady;
    insert(database);
    EXPECT_EQ(meter.take().time, kSlowSync);
    EXPECT_GT(clock_.now().steady - before, kSlowSync) << "writes took time too";
}

// Durability hangs on it: whatever the disk says, SQLite hears it.
TEST_F(SyncMeterTest, PassesEveryErrorOnUnchanged) {
    SlowLogDisk disk(clock_);
    SyncMeter meter(SlowLogDisk::kName, clock_);
    Database database = database_over(meter);
    for (const int code : {SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC, SQLITE_FULL, SQLITE_READONLY}) {
        disk.sync_result = code;
        try {
            insert(database);
            ADD_FAILURE() << "code " << code << " was lost";
        } catch (const SqlFault& fault) {
            EXPECT_EQ(fault.code, code);
        }
    }
    disk.sync_result = SQLITE_OK;
    insert(database);
    EXPECT_EQ(database.integer("SELECT count(*) FROM a"), 1);
}

TEST_F(SyncMeterTest, AStoreKnowsWhatItsDiskTook) {
    SlowLogDisk disk(clock_);
    options_.file_layer = SlowLogDisk::kName;
    open();
    EXPECT_EQ(samples_in(store_->status().fsync_times), 0U) << "opening is no commit";
    upstream("aws");
    ASSERT_EQ(commit(reading_unit(payload_of(1))), Outcome::kCommitted);
    ASSERT_EQ(commit(reading_unit(payload_of(2))), Outcome::kCommitted);
    const Status status = store_->status();
    EXPECT_EQ(samples_in(status.fsync_times), 2U);
    EXPECT_EQ(status.last_fsync_time, microseconds(kSlowSync));
    EXPECT_GT(status.last_commit_time, status.last_fsync_time) << "writing took time too";
    EXPECT_EQ(status.fsync_times.sum() % static_cast<std::uint64_t>(microseconds(kSlowSync).count()), 0U);
    store_.reset();
}

// The writer's other transactions (devices, progress, folds) and checkpoints sync the same log, between
// commits.
TEST_F(SyncMeterTest, OnlyCommitsOfUnitsAreCounted) {
    open();
    const auto aws = upstream("aws");
    add_device("wm-0001");
    acknowledge(aws, {1});
    ASSERT_TRUE(store_->flush().has_value());
    EXPECT_EQ(samples_in(store_->status().fsync_times), 0U);
    ASSERT_EQ(commit(reading_unit(payload_of(1))), Outcome::kCommitted);
    add_device("wm-0002");
    ASSERT_TRUE(store_->flush().has_value());
    const Status status = store_->status();
    EXPECT_EQ(samples_in(status.fsync_times), 1U);
    EXPECT_EQ(samples_in(status.commit_times), status.commits);
}

// One that has nothing to keep waits for no disk.
TEST_F(SyncMeterTest, ACommitThatWritesNothingIsNoSample) {
    open();
    EXPECT_EQ(commit(reading_unit(payload_of(1), 0)), Outcome::kCommitted);
    const Status status = store_->status();
    EXPECT_EQ(samples_in(status.commit_times), 1U);
    EXPECT_EQ(samples_in(status.fsync_times), 0U);
}

TEST_F(SyncMeterTest, ASyncThatFailsFailsTheCommitAndIsNoSample) {
    SlowLogDisk disk(clock_);
    options_.file_layer = SlowLogDisk::kName;
    open();
    const auto aws = upstream("aws");
    disk.sync_result = SQLITE_IOERR_FSYNC;
    EXPECT_EQ(commit(reading_unit(payload_of(1))), Outcome::kFailed);
    EXPECT_EQ(samples_in(store_->status().fsync_times), 0U);
    disk.sync_result = SQLITE_OK;
    EXPECT_EQ(commit(reading_unit(payload_of(2))), Outcome::kCommitted);
    EXPECT_EQ(samples_in(store_->status().fsync_times), 1U);
    EXPECT_EQ(waiting(aws).size(), 1U);
    store_.reset();
}

TEST_F(SyncMeterTest, ADiskWithoutPowerIsNoSample) {
    fakes::PowerCutDisk disk;
    options_.file_layer = disk.name();
    open();
    upstream("aws");
    ASSERT_EQ(commit(reading_unit(payload_of(1))), Outcome::kCommitted);
    EXPECT_EQ(samples_in(store_->status().fsync_times), 1U);
    disk.cut_after(0);
    EXPECT_EQ(commit(reading_unit(payload_of(2))), Outcome::kFailed);
    EXPECT_EQ(samples_in(store_->status().fsync_times), 1U);
    store_.reset();
    disk.cut_power(fakes::PowerCutDisk::Unsynced::kLost);
    open();
    EXPECT_EQ(waiting(upstream("aws")).size(), 1U) << "what was synced is there";
    store_.reset();
}

TEST_F(SyncMeterTest, StoresOfOneProcessCountForThemselves) {
    open();
    Options others = options_;
    others.directory = directory_.path() / "other";
    auto other = Store::open(others, log_, clock_);
    ASSERT_TRUE(other.has_value()) << other.error().text();
    upstream("aws");
    ASSERT_EQ(commit(reading_unit(payload_of(1))), Outcome::kCommitted);
    EXPECT_EQ(samples_in(store_->status().fsync_times), 1U);
    EXPECT_EQ(samples_in((*other)->status().fsync_times), 0U);
    other->reset();
    EXPECT_EQ(commit(reading_unit(payload_of(2))), Outcome::kCommitted) << "its layer is still there";
}

TEST_F(SyncMeterTest, AnUnknownFileLayerIsAnError) {
    options_.file_layer = "no-such-layer";
    const auto opened = try_open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_NE(opened.error().text().find("no-such-layer"), std::string::npos);
}

}  // namespace
}  // namespace narrowgate::store
