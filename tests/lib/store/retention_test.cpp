// SPDX-License-Identifier: Apache-2.0
//
// What every upstream has stays for a while, waits for nobody, and takes no room from what is new.
#include <algorithm>
#include <fstream>
#include <set>

#include "fakes/power_cut_vfs.hpp"
#include "narrowgate/store/copies.hpp"
#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

using std::chrono::hours;

class RetentionTest : public StoreTest {
protected:
    RetentionTest() {
        options_.retention = hours(24);
        options_.retention_spare_bytes = 0;
    }

    // Readings `from` to `to`, each a commit, received now.
    void store_readings(std::uint64_t from, std::uint64_t to, std::size_t bytes = 0) {
        for (auto number = from; number <= to; ++number) {
            Bytes payload = payload_of(number);
            payload.resize(std::max(payload.size(), bytes));
            ASSERT_EQ(commit(reading_unit(std::move(payload))), Outcome::kCommitted);
        }
    }
    void deliver(std::uint64_t from, std::uint64_t to) {
        std::vector<ReadingNumber> numbers;
        for (auto number = from; number <= to; ++number)
            numbers.push_back(number);
        acknowledge(0, numbers);
        settle();
    }
    // Lets the writer do what is due by now.
    void settle() { ASSERT_TRUE(store_->flush().has_value()); }
    // The numbers that a replay of everything finds.
    std::set<ReadingNumber> kept() {
        std::set<ReadingNumber> numbers;
        const auto started = store_->start_replay("aws", {}, kActor);
        if (!started) return numbers;
        auto reader = store_->reader();
        EXPECT_TRUE(reader.has_value());
        for (ReadingNumber from = 0; from < started->end;) {
            auto slice = (*reader)->replay(0, started->job, from, 100, 1'000'000);
            EXPECT_TRUE(slice.has_value());
            if (!slice) break;
            for (const StoredReading& reading : slice->readings)
                numbers.insert(reading.number);
            EXPECT_GT(slice->next, from);
            from = std::max(slice->next, from + 1);
        }
        // One of which everything went meanwhile has ended by itself.
        (void)store_->cancel_replay("aws", kActor);
        return numbers;
    }
};

std::set<ReadingNumber> numbers_of(std::uint64_t from, std::uint64_t to) {
    std::set<ReadingNumber> numbers;
    for (auto number = from; number <= to; ++number)
        numbers.insert(number);
    return numbers;
}

TEST_F(RetentionTest, WhatIsDeliveredIsKeptAndWaitsForNobody) {
    open();
    upstream("aws");
    store_readings(1, 5);
    deliver(1, 4);
    const Status status = store_->status();
    EXPECT_EQ(status.readings_waiting, 1U);
    EXPECT_EQ(status.upstreams[0].pending_readings, 1U);
    EXPECT_EQ(status.retained_readings, 4U);
    EXPECT_EQ(status.retained_since, clock_.now().wall);
    EXPECT_EQ(waiting(0).size(), 1U);
    EXPECT_EQ(store_->last_readings(10)->size(), 1U);
    EXPECT_EQ(kept(), numbers_of(1, 4));  // the fifth waits, and is sent anyway
}

TEST_F(RetentionTest, WithoutTheOptionNothingIsKept) {
    options_.retention = seconds(0);
    open();
    upstream("aws");
    store_readings(1, 5);
    deliver(1, 5);
    EXPECT_EQ(store_->status().retained_readings, 0U);
    const auto refused = store_->start_replay("aws", {}, kActor);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().cure.find("store.retention"), std::string::npos);
}

TEST_F(RetentionTest, ReadingsGoByTheAgeOfTheirDeliveryAlsoOverRestarts) {
    open();
    upstream("aws");
    store_readings(1, 6);
    clock_.advance(hours(100));  // age counts from delivery, not from reception
    deliver(1, 3);
    clock_.advance(hours(12));
    deliver(4, 6);
    EXPECT_EQ(store_->status().retained_readings, 6U);
    reopen();
    EXPECT_EQ(store_->status().retained_readings, 6U);
    clock_.advance(hours(13));
    reopen();  // a start does what is due
    EXPECT_EQ(store_->status().retained_readings, 3U);
    EXPECT_EQ(kept(), numbers_of(4, 6));
    clock_.advance(hours(12));
    reopen();
    EXPECT_EQ(store_->status().retained_readings, 0U);
}

TEST_F(RetentionTest, ReadingsBeyondTheBytesGoOldestFirst) {
    options_.retention_bytes = 10'000;
    open();
    upstream("aws");
    store_readings(1, 30, 700);
    deliver(1, 30);
    store_readings(31, 31);  // each commit looks
    EXPECT_LE(store_->status().retained_bytes, 10'000U);
    EXPECT_GE(store_->status().retained_bytes, 9'000U);
    const auto left = kept();
    ASSERT_FALSE(left.empty());
    EXPECT_EQ(left, numbers_of(*left.begin(), 30));
}

// P1 and "never full by what is kept": what is new has all of max_size.
TEST_F(RetentionTest, AFullStoreLetsRetainedReadingsGoBeforeItRefusesAny) {
    options_.max_size = 20'000;
    open();
    upstream("aws");
    store_readings(1, 15, 900);
    deliver(1, 15);
    EXPECT_EQ(store_->status().retained_readings, 15U);
    std::uint64_t stored = 15;
    while (stored < 100 && commit(reading_unit(Bytes(900, 1))) == Outcome::kCommitted)
        ++stored;
    const Status status = store_->status();
    EXPECT_EQ(status.retained_readings, 0U);
    EXPECT_GT(status.live_bytes + 1'200, options_.max_size);  // full of what waits, and of nothing else
    EXPECT_EQ(status.readings_waiting, stored - 15);
    EXPECT_EQ(waiting(0).size(), stored - 15);
}

TEST_F(RetentionTest, DropOldestLetsRetainedReadingsGoBeforeItDropsAny) {
    options_.max_size = 20'000;
    options_.when_full = WhenFull::kDropOldest;
    open();
    upstream("aws");
    store_readings(1, 10, 900);
    deliver(1, 10);
    store_readings(11, 20, 900);
    EXPECT_EQ(store_->status().readings_dropped, 0U);
    EXPECT_EQ(waiting(0).size(), 10U);
    EXPECT_LE(store_->status().live_bytes + store_->status().retained_bytes, options_.max_size);
    EXPECT_GT(store_->status().retained_readings, 0U);
}

TEST_F(RetentionTest, ADiskWithoutRoomToSpareHasWhatIsKeptGo) {
    options_.retention_spare_bytes = ~std::uint64_t{0};  // no disk has so much
    open();
    upstream("aws");
    store_readings(1, 20, 900);
    deliver(1, 20);
    clock_.advance(seconds(6));
    // What is due is done by the writer's next turns.
    for (std::uint64_t number = 21; number < 60 && store_->status().retained_readings != 0; ++number) {
        store_readings(number, number);
        settle();
    }
    EXPECT_EQ(store_->status().retained_readings, 0U);
}

TEST_F(RetentionTest, ABackupHoldsWhatIsKeptAndARestoredStoreReplaysIt) {
    open();
    upstream("aws");
    store_readings(1, 5);
    deliver(1, 5);
    ASSERT_TRUE(store_->start_replay("aws", {}, kActor).has_value());
    const auto file = directory_.path() / "copy";
    const auto info = back_up(options_, file, false, clock_);
    ASSERT_TRUE(info.has_value()) << info.error().text();
    EXPECT_EQ(info->readings, 5U);
    store_.reset();
    std::ifstream copy(file, std::ios::binary);
    const auto restored = restore(options_, copy, {.replace = true, .event = {}, .actor = "test"}, clock_);
    ASSERT_TRUE(restored.has_value()) << restored.error().text();
    open();
    EXPECT_EQ(store_->status().retained_readings, 5U);
    EXPECT_TRUE(store_->replays().empty());  // a copy sends nothing by itself
    EXPECT_EQ(kept(), numbers_of(1, 5));
}

// The evil: power is cut at every step of a life with deliveries, a fold and deletions. What waits is whole,
// and what is kept was delivered.
TEST_F(RetentionTest, APowerCutAtAnyStepLosesNothingThatWaits) {
    using Unsynced = fakes::PowerCutDisk::Unsynced;
    options_.ballast_bytes = 4096;
    options_.retention_bytes = 1'500;  // so that pages go, too
    for (const auto unsynced : {Unsynced::kLost, Unsynced::kRandom}) {
        bool reached_the_end = false;
        for (std::uint64_t step = 0; !reached_the_end; ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            std::filesystem::remove_all(options_.directory);
            fakes::PowerCutDisk disk;
            options_.file_layer = disk.name();
            open();
            upstream("aws");
            disk.cut_after(step);
            std::uint64_t durable = 0;
            for (std::uint64_t number = 1; number <= 8; ++number) {
                if (commit(reading_unit(payload_of(number))) != Outcome::kCommitted) break;
                durable = number;
                acknowledge(0, {number});
                if (number == 4) {
                    (void)store_->flush();
                    (void)store_->start_replay("aws", {}, kActor);
                    clock_.advance(seconds(70));  // the next turn folds, and writes when what was delivered
                }
            }
            store_.reset();
            reached_the_end = !disk.is_cut();
            disk.cut_power(unsynced, step);
            open();
            ASSERT_EQ(store_->status().upstreams.size(), 1U);
            const auto done = store_->progress(0);
            std::set<ReadingNumber> there;
            for (const StoredReading& reading : waiting(0)) {
                EXPECT_EQ(reading.payload, payload_of(reading.number));
                there.insert(reading.number);
            }
            for (std::uint64_t number = 1; number <= durable; ++number)
                EXPECT_NE(done.contains(number), there.contains(number)) << number;
            (void)store_->cancel_replay("aws", kActor);
            for (const ReadingNumber number : kept())
                EXPECT_TRUE(done.contains(number)) << number;
            store_.reset();
            if (HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace narrowgate::store
