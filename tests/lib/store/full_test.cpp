// SPDX-License-Identifier: Apache-2.0
#include "fakes/power_cut_vfs.hpp"
#include "store_fixture.hpp"

namespace narrowgate::store {
namespace {

class FullTest : public StoreTest {
protected:
    // A unit as an uplink makes it: session mark, reading, reply.
    Unit uplink(std::uint64_t number, std::size_t bytes, UpstreamMask upstreams = 1) const {
        Unit unit = reading_unit(Bytes(bytes, 0x77), upstreams);
        unit.mark = mark(1, number);
        unit.reply = StoredReply{
            1, static_cast<std::uint16_t>(number), clock_.now().wall + std::chrono::hours(1), {0x60, 0x44}};
        return unit;
    }
    void open_session() {
        Unit unit;
        unit.open = session(1, add_device("wm-0001"));
        ASSERT_EQ(commit(std::move(unit)), Outcome::kCommitted);
    }
};

// P1 under reject: what was acknowledged stays; what is refused is told so, and its mark is kept all the
// same.
TEST_F(FullTest, RejectRefusesTheReadingAndKeepsTheMark) {
    options_.max_size = 4096;
    open();
    const auto aws = upstream("aws");
    open_session();
    std::uint64_t number = 1;
    Outcome outcome = Outcome::kCommitted;
    while (outcome == Outcome::kCommitted && number < 100)
        outcome = commit(uplink(++number, 500));
    EXPECT_EQ(outcome, Outcome::kReadingRefused);
    EXPECT_EQ(number, 1U + 5U + 1U);  // five of them, with what each costs beside its payload, fill 4096
    EXPECT_EQ(completions_->wait_for(ticket_).retry_after, options_.retry_after);
    EXPECT_TRUE(store_->status().full);
    EXPECT_EQ(store_->status().readings_refused, 1U);
    reopen();
    EXPECT_EQ(sessions().at(1).right_edge, number);
    EXPECT_EQ(replies().size(), 5U);
    EXPECT_EQ(waiting(aws).size(), 5U);
    // Room made by delivery is room.
    acknowledge(aws, {1, 2});
    EXPECT_EQ(commit(uplink(++number, 500)), Outcome::kCommitted);
    EXPECT_FALSE(store_->status().full);
}

TEST_F(FullTest, OneCommitCannotOverrunTheLimit) {
    options_.max_size = 4096;
    open();
    upstream("aws");
    std::vector<std::uint64_t> tickets;
    for (std::uint64_t i = 0; i < 50; ++i)
        tickets.push_back(submit(uplink(i, 500)));
    completions_->wait_for(tickets.back());
    EXPECT_LE(store_->status().live_bytes, 4096U);
    EXPECT_GE(store_->status().readings_refused, 43U);
}

TEST_F(FullTest, DropOldestMakesRoomAndCounts) {
    options_.max_size = 4096;
    options_.when_full = WhenFull::kDropOldest;
    open();
    const auto aws = upstream("aws");
    for (std::uint64_t i = 1; i <= 20; ++i)
        ASSERT_EQ(commit(uplink(i, 500)), Outcome::kCommitted);
    EXPECT_LE(store_->status().live_bytes, 4096U);
    const auto readings = waiting(aws);
    ASSERT_FALSE(readings.empty());
    EXPECT_EQ(readings.back().number, 20U);
    EXPECT_EQ(store_->status().readings_dropped, 20U - readings.size());
    reopen();
    EXPECT_EQ(waiting(aws).size(), readings.size());
}

TEST_F(FullTest, DropOldestDropsByAgeAndRejectOnlyRaisesAnAlarm) {
    options_.max_age = std::chrono::hours(1);
    open();
    const auto aws = upstream("aws");
    ASSERT_EQ(commit(uplink(1, 10)), Outcome::kCommitted);
    clock_.advance(std::chrono::hours(2));
    ASSERT_TRUE(store_->flush().has_value());
    EXPECT_TRUE(store_->status().over_age);
    EXPECT_EQ(waiting(aws).size(), 1U);
    options_.when_full = WhenFull::kDropOldest;
    reopen();
    clock_.advance(seconds(10));
    ASSERT_TRUE(store_->flush().has_value());
    EXPECT_TRUE(waiting(aws).empty());
    EXPECT_EQ(store_->status().readings_dropped, 1U);
}

// P7's exception, bounded: an upstream that is down takes its own backlog, not the store.
TEST_F(FullTest, AnUpstreamsBacklogIsBoundedByItself) {
    open();
    const auto aws = upstream("aws");
    const auto pelion = upstream("pelion", {.max_backlog = 2048});
    Outcome outcome = Outcome::kCommitted;
    std::uint64_t stored = 0;
    while (outcome == Outcome::kCommitted && stored < 100) {
        outcome = commit(uplink(1, 500, mask_of(aws) | mask_of(pelion)));
        stored += outcome == Outcome::kCommitted ? 1 : 0;
    }
    EXPECT_EQ(outcome, Outcome::kReadingRefused);
    EXPECT_FALSE(store_->status().full);
    EXPECT_EQ(commit(uplink(2, 500, mask_of(aws))), Outcome::kCommitted);
    EXPECT_EQ(waiting(pelion).size(), stored);
}

TEST_F(FullTest, UnderDropOldestAnUpstreamLosesItsOwnOldestAlone) {
    options_.when_full = WhenFull::kDropOldest;
    open();
    const auto aws = upstream("aws");
    const auto pelion = upstream("pelion", {.max_backlog = 2048});
    for (std::uint64_t i = 1; i <= 10; ++i)
        ASSERT_EQ(commit(uplink(i, 500, 3)), Outcome::kCommitted);
    EXPECT_EQ(waiting(aws).size(), 10U);
    const auto left = waiting(pelion);
    EXPECT_LT(left.size(), 4U);
    EXPECT_EQ(left.back().number, 10U);
    EXPECT_EQ(store_->status().upstreams[pelion].dropped, 10U - left.size());
}

// The disk itself is full: readings are refused, marks go on from the ballast, and it ends by itself.
TEST_F(FullTest, AFullDiskStillTakesMarksAndProgress) {
    fakes::PowerCutDisk disk;
    options_.file_layer = disk.name();
    options_.ballast_bytes = 512 * 1024;
    open();
    const auto aws = upstream("aws");
    open_session();
    ASSERT_EQ(commit(uplink(2, 10)), Outcome::kCommitted);
    disk.limit(disk.used() + 20'000);
    std::uint64_t number = 2;
    Outcome outcome = Outcome::kCommitted;
    while (outcome == Outcome::kCommitted && number < 100)
        outcome = commit(uplink(++number, 5'000));
    EXPECT_EQ(outcome, Outcome::kReadingRefused);
    EXPECT_TRUE(store_->status().disk_full);
    EXPECT_FALSE(std::filesystem::exists(options_.directory / "state.ballast"));
    EXPECT_EQ(commit(uplink(++number, 10)), Outcome::kReadingRefused);
    acknowledge(aws, {1});
    EXPECT_TRUE(store_->flush().has_value());

    disk.limit(std::nullopt);
    clock_.advance(seconds(10));
    ASSERT_TRUE(store_->flush().has_value());
    EXPECT_FALSE(store_->status().disk_full);
    EXPECT_EQ(commit(uplink(++number, 10)), Outcome::kCommitted);
    EXPECT_TRUE(std::filesystem::exists(options_.directory / "state.ballast"));
    reopen();
    EXPECT_EQ(sessions().at(1).right_edge, number);
    EXPECT_TRUE(store_->progress(aws).contains(1));
    store_.reset();
}

TEST_F(FullTest, WithNothingInReserveAFullDiskFailsTheUnitAndRecovers) {
    fakes::PowerCutDisk disk;
    options_.file_layer = disk.name();
    options_.ballast_bytes = 0;
    open();
    upstream("aws");
    open_session();
    disk.limit(disk.used());
    EXPECT_EQ(commit(uplink(2, 50)), Outcome::kFailed);
    EXPECT_EQ(store_->status().units_failed, 1U);
    disk.limit(std::nullopt);
    clock_.advance(seconds(10));
    ASSERT_TRUE(store_->flush().has_value());
    EXPECT_EQ(commit(uplink(3, 50)), Outcome::kCommitted);
    store_.reset();
}

TEST_F(FullTest, StartsOnAFullDisk) {
    fakes::PowerCutDisk disk;
    options_.file_layer = disk.name();
    open();
    upstream("aws");
    open_session();
    store_.reset();
    disk.limit(disk.used() + 4096);
    std::filesystem::remove(options_.directory / "state.ballast");
    open();
    EXPECT_EQ(sessions().size(), 1U);
    store_.reset();
}

}  // namespace
}  // namespace narrowgate::store
