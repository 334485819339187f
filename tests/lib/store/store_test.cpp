// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/store.hpp"

#include <future>
#include <set>
#include <thread>

#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

TEST_F(StoreTest, GivesReadingsBackWithTheirNumbersAfterAReopen) {
    open();
    const auto aws = upstream("aws");
    EXPECT_EQ(commit(reading_unit(payload_of(1))), Outcome::kCommitted);
    EXPECT_EQ(commit(reading_unit(payload_of(2))), Outcome::kCommitted);
    const auto uuid = store_->uuid();
    reopen();
    EXPECT_EQ(upstream("aws"), aws);
    EXPECT_EQ(store_->uuid(), uuid);
    const auto readings = waiting(aws);
    ASSERT_EQ(readings.size(), 2U);
    EXPECT_EQ(readings[1].number, 2U);
    EXPECT_EQ(readings[1].device, "wm-0001");
    EXPECT_EQ(readings[1].resource, "telemetry");
    EXPECT_EQ(readings[1].payload, payload_of(2));
    EXPECT_EQ(store_->head(), 3U);
    EXPECT_EQ(reading_id(uuid, 2), uuid.text() + "-2");
    EXPECT_EQ(uuid.text().size(), 36U);
}

// The fsync that a node waits for is shared: order is kept, and there are fewer commits than units.
TEST_F(StoreTest, CommitsAllThatWaitsTogetherAndInOrder) {
    open();
    const auto aws = upstream("aws");
    std::promise<void> gate;
    // Holds the writer inside a sink while the units gather.
    const auto blocker = store_->add_sink([opened = gate.get_future().share()](auto&&) { opened.wait(); });
    Unit first = reading_unit(payload_of(0));
    first.sink = blocker;
    ASSERT_TRUE(store_->submit(std::move(first)));
    while (store_->status().commits == 0)
        std::this_thread::yield();
    std::vector<std::uint64_t> tickets;
    for (std::uint64_t i = 1; i <= 300; ++i)
        tickets.push_back(submit(reading_unit(payload_of(i))));
    gate.set_value();
    completions_->wait_for(tickets.back());
    EXPECT_EQ(completions_->order(), tickets);
    EXPECT_EQ(store_->status().commits, 2U);
    EXPECT_EQ(store_->status().last_commit_units, 300U);
    const auto readings = waiting(aws);
    ASSERT_EQ(readings.size(), 301U);
    for (std::uint64_t i = 0; i <= 300; ++i)
        EXPECT_EQ(readings[i].payload, payload_of(i));
}

TEST_F(StoreTest, SaysNoWhenTheQueueIsFull) {
    options_.queue_units = 4;
    open();
    upstream("aws");
    std::promise<void> gate;
    const auto blocker = store_->add_sink([opened = gate.get_future().share()](auto&&) { opened.wait(); });
    Unit first = reading_unit(payload_of(0));
    first.sink = blocker;
    ASSERT_TRUE(store_->submit(std::move(first)));
    while (store_->status().commits == 0)
        std::this_thread::yield();
    for (int i = 0; i < 4; ++i)
        submit(reading_unit(payload_of(1)));
    Unit fifth = reading_unit(payload_of(5));
    EXPECT_FALSE(store_->submit(std::move(fifth)));
    EXPECT_EQ(fifth.reading->payload, payload_of(5));
    EXPECT_EQ(store_->status().queue_refusals, 1U);
    EXPECT_EQ(store_->status().queue, (PoolLoad{.used = 4, .capacity = 4}));
    EXPECT_EQ(store_->status().queue_bytes,
              (PoolLoad{.used = 4 * payload_of(1).size(), .capacity = options_.queue_bytes}));
    gate.set_value();
}

// A number is never given twice, also when every row that bore one is gone (a trap of max(rowid)).
TEST_F(StoreTest, NumbersGoOnAfterEverythingWasDeliveredAndDeleted) {
    open();
    const auto aws = upstream("aws");
    for (std::uint64_t i = 1; i <= 5; ++i)
        ASSERT_EQ(commit(reading_unit(payload_of(i))), Outcome::kCommitted);
    acknowledge(aws, {1, 2, 3, 4, 5});
    reopen();
    reopen();
    EXPECT_EQ(store_->status().readings_waiting, 0U);
    EXPECT_EQ(store_->head(), 6U);
    EXPECT_EQ(commit(reading_unit(payload_of(6))), Outcome::kCommitted);
    EXPECT_EQ(waiting(upstream("aws")).front().number, 6U);
}

TEST_F(StoreTest, DeletesWhatEveryUpstreamHas) {
    open();
    const auto aws = upstream("aws");
    const auto pelion = upstream("pelion");
    for (std::uint64_t i = 1; i <= 3; ++i)
        ASSERT_EQ(commit(reading_unit(payload_of(i), 3)), Outcome::kCommitted);
    acknowledge(aws, {1, 2, 3});
    EXPECT_TRUE(waiting(aws).empty());
    EXPECT_EQ(waiting(pelion).size(), 3U);
    acknowledge(pelion, {2});
    EXPECT_EQ(store_->status().readings_waiting, 2U);
    const auto left = waiting(pelion);
    ASSERT_EQ(left.size(), 2U);
    EXPECT_EQ(left[0].number, 1U);
    EXPECT_EQ(left[1].number, 3U);
}

TEST_F(StoreTest, WakesUpstreamsAfterACommitThatHoldsReadings) {
    open();
    upstream("aws");
    std::promise<ReadingNumber> woken;
    store_->on_commit([&](ReadingNumber head) { woken.set_value(head); });
    submit(reading_unit(payload_of(1)));
    EXPECT_EQ(woken.get_future().get(), 2U);
    store_->stop();
}

TEST_F(StoreTest, CommitsWhatWaitsWhenItIsStopped) {
    open();
    upstream("aws");
    std::uint64_t last = 0;
    for (std::uint64_t i = 1; i <= 50; ++i)
        last = submit(reading_unit(payload_of(i)));
    store_->stop();
    EXPECT_EQ(completions_->wait_for(last).outcome, Outcome::kCommitted);
    EXPECT_FALSE(store_->submit(reading_unit(payload_of(51))));
    EXPECT_FALSE(store_->add_device(new_device("late"), kActor).has_value());
    reopen();
    EXPECT_EQ(waiting(upstream("aws")).size(), 50U);
}

TEST_F(StoreTest, ShowsTheLastReadingsNewestFirst) {
    open();
    upstream("aws");
    for (std::uint64_t i = 1; i <= 5; ++i)
        ASSERT_EQ(commit(reading_unit(payload_of(i))), Outcome::kCommitted);
    const auto last = store_->last_readings(3);
    ASSERT_TRUE(last.has_value());
    ASSERT_EQ(last->size(), 3U);
    EXPECT_EQ((*last)[0].number, 5U);
    EXPECT_EQ((*last)[2].number, 3U);
}

TEST_F(StoreTest, AReadingForNobodyIsNotKept) {
    open();
    EXPECT_EQ(commit(reading_unit(payload_of(1))), Outcome::kCommitted);  // no upstream exists
    EXPECT_EQ(store_->head(), 1U);
}

TEST_F(StoreTest, TheWriterShowsThatItLives) {
    open();
    const auto before = store_->pulse().turns;
    ASSERT_TRUE(store_->flush().has_value());
    EXPECT_GT(store_->pulse().turns, before);
}

}  // namespace
}  // namespace narrowgate::store
