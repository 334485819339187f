// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "store_fixture.hpp"
#include "upstream_table.hpp"

namespace narrowgate::store {
namespace {

class UpstreamsTest : public StoreTest {
protected:
    void SetUp() override { open(); }
    void store_readings(std::uint64_t count, UpstreamMask upstreams) {
        std::uint64_t last = 0;
        for (std::uint64_t i = 0; i < count; ++i)
            last = submit(reading_unit(payload_of(i + 1), upstreams));
        EXPECT_EQ(completions_->wait_for(last).outcome, Outcome::kCommitted);
    }
};

TEST_F(UpstreamsTest, ANewOneStartsAtTheHead) {
    const auto aws = upstream("aws");
    store_readings(3, mask_of(aws));
    const auto pelion = upstream("pelion");
    EXPECT_EQ(store_->progress(pelion).first_missing(1), 4U);
    store_readings(1, mask_of(aws) | mask_of(pelion));
    EXPECT_EQ(waiting(aws).size(), 4U);
    const auto readings = waiting(pelion);
    ASSERT_EQ(readings.size(), 1U);
    EXPECT_EQ(readings[0].number, 4U);
}

TEST_F(UpstreamsTest, ProgressSurvivesAReopenOnceFlushed) {
    const auto aws = upstream("aws");
    store_readings(6, mask_of(aws));
    acknowledge(aws, {1, 2, 5});
    ASSERT_TRUE(store_->flush().has_value());
    reopen();
    EXPECT_EQ(store_->progress(aws).ranges(), (std::vector<Range>{{1, 3}, {5, 6}}));
    const auto readings = waiting(aws);
    ASSERT_EQ(readings.size(), 3U);
    EXPECT_EQ(readings[0].number, 3U);
    EXPECT_EQ(readings[2].number, 6U);
    const auto status = store_->status();
    ASSERT_EQ(status.upstreams.size(), 1U);
    EXPECT_EQ(status.upstreams[0].pending_readings, 3U);
    EXPECT_TRUE(status.upstreams[0].oldest.has_value());
}

// P7: what one upstream has or lacks is nothing to the other.
TEST_F(UpstreamsTest, EachHasItsOwnProgressOverOneLog) {
    const auto aws = upstream("aws");
    const auto pelion = upstream("pelion");
    store_readings(4, 3);
    acknowledge(aws, {1, 2, 3, 4});
    reopen();
    EXPECT_TRUE(waiting(aws).empty());
    EXPECT_EQ(waiting(pelion).size(), 4U);
}

TEST_F(UpstreamsTest, ReadsNoMoreThanAskedFor) {
    const auto aws = upstream("aws");
    store_readings(10, mask_of(aws));
    auto reader = store_->reader();
    ASSERT_TRUE(reader.has_value());
    EXPECT_EQ((*reader)->read(1, 3, 1'000'000, aws)->size(), 3U);
    EXPECT_EQ((*reader)->read(4, 100, 20, aws)->size(), 3U);  // 9 bytes each: two are not enough
    EXPECT_EQ((*reader)->read(8, 100, 0, aws)->size(), 1U);
    EXPECT_EQ((*reader)->read(9, 100, 1'000, aws)->front().number, 9U);
    EXPECT_TRUE((*reader)->read(11, 100, 1'000, aws)->empty());
}

TEST_F(UpstreamsTest, ForgettingOneDeletesWhatOnlyItWaitedFor) {
    const auto aws = upstream("aws");
    const auto pelion = upstream("pelion");
    store_readings(2, mask_of(pelion));
    store_readings(2, 3);
    ASSERT_TRUE(store_->forget_upstream("pelion").has_value());
    EXPECT_FALSE(store_->forget_upstream("pelion").has_value());
    EXPECT_EQ(store_->status().readings_waiting, 2U + 0U);
    acknowledge(aws, {3, 4});
    EXPECT_EQ(store_->status().readings_waiting, 0U);
    // Its id may serve another now, which gets none of the old readings.
    EXPECT_EQ(upstream("other"), pelion);
    reopen();
    EXPECT_TRUE(waiting(pelion).empty());
    EXPECT_EQ(store_->status().upstreams.size(), 2U);
}

TEST_F(UpstreamsTest, AsManyAsAMaskHasBitsAndNoMore) {
    for (std::size_t i = 0; i < kMaxUpstreams; ++i)
        EXPECT_EQ(upstream("up-" + std::to_string(i)), i);
    const auto one_more = store_->upstream("one more");
    ASSERT_FALSE(one_more.has_value());
    EXPECT_FALSE(one_more.error().cure.empty());
    store_readings(1, ~UpstreamMask{0});
    for (std::size_t i = 0; i < kMaxUpstreams; ++i)
        EXPECT_EQ(waiting(static_cast<UpstreamId>(i)).size(), 1U);
}

TEST_F(UpstreamsTest, ADeadLetterIsDoneAndKeptForAPerson) {
    const auto aws = upstream("aws");
    store_readings(3, mask_of(aws));
    store_->dead_letter(aws, 2, "payload too large (0x95)");
    EXPECT_EQ(waiting(aws).size(), 2U);
    acknowledge(aws, {1, 3});
    reopen();
    EXPECT_TRUE(waiting(aws).empty());
    const auto letters = store_->dead_letters(10);
    ASSERT_TRUE(letters.has_value());
    ASSERT_EQ(letters->size(), 1U);
    EXPECT_EQ(letters->front().upstream, "aws");
    EXPECT_EQ(letters->front().reason, "payload too large (0x95)");
    EXPECT_EQ(letters->front().reading.number, 2U);
    EXPECT_EQ(letters->front().reading.payload, payload_of(2));
    EXPECT_EQ(letters->front().reading.device, "wm-0001");
}

TEST_F(UpstreamsTest, DeadLettersAreBounded) {
    options_.max_dead_letters = 2;
    reopen();
    const auto aws = upstream("aws");
    store_readings(5, mask_of(aws));
    for (ReadingNumber number = 1; number <= 5; ++number)
        store_->dead_letter(aws, number, "refused");
    ASSERT_TRUE(store_->flush().has_value());
    const auto letters = store_->dead_letters(10);
    ASSERT_EQ(letters->size(), 2U);
    EXPECT_EQ(letters->front().reading.number, 5U);
}

TEST_F(UpstreamsTest, ReadersWorkWhileTheWriterWrites) {
    const auto aws = upstream("aws");
    auto reader = store_->reader();
    ASSERT_TRUE(reader.has_value());
    constexpr std::uint64_t kReadings = 2000;
    std::jthread producer([&] {
        for (std::uint64_t i = 1; i <= kReadings; ++i)
            submit(reading_unit(payload_of(i), mask_of(aws)));
    });
    ReadingNumber expected = 1;
    while (expected <= kReadings) {
        const auto readings = (*reader)->read(expected, 100, 1'000'000, aws);
        ASSERT_TRUE(readings.has_value()) << readings.error().text();
        std::vector<ReadingNumber> numbers;
        for (const auto& reading : *readings) {
            ASSERT_EQ(reading.number, expected);
            ASSERT_EQ(reading.payload, payload_of(expected));
            numbers.push_back(expected++);
        }
        acknowledge(aws, numbers);
        clock_.advance(std::chrono::milliseconds(100));
    }
    producer.join();
    EXPECT_EQ(store_->status().readings_waiting, 0U);
}

TEST_F(UpstreamsTest, ProgressOnDiskThatIsDamagedIsRefused) {
    RangeSet progress;
    progress.insert(1, 300);
    progress.insert(400, 401);
    const auto bytes = encode_progress(progress);
    EXPECT_EQ(to_hex(bytes), "0101ab026401");
    EXPECT_EQ(decode_progress(bytes), progress);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto cut = decode_progress(ByteView(bytes).first(size));
        EXPECT_TRUE(!cut || cut->range_count() < 2) << size;
    }
    EXPECT_FALSE(decode_progress(Bytes{1, 0, 0}).has_value());  // an empty range
    EXPECT_FALSE(decode_progress(Bytes{9}).has_value());
}

}  // namespace
}  // namespace narrowgate::store
