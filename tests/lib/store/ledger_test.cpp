// SPDX-License-Identifier: Apache-2.0
#include "ledger.hpp"

#include <gtest/gtest.h>

namespace narrowgate::store {
namespace {

class LedgerTest : public ::testing::Test {
protected:
    LedgerTest() {
        for (const UpstreamId id : {UpstreamId{0}, UpstreamId{1}})
            ledger_.add_upstream(id, std::string(1, 'a'), {});
    }

    void page(std::uint32_t count, UpstreamMask upstreams) {
        PageEntry entry;
        entry.first = next_;
        entry.page = ++page_;
        entry.count = count;
        entry.bytes = count * 100;
        entry.upstreams = upstreams;
        next_ += count;
        ledger_.add_page(std::move(entry));
    }
    void acknowledge(UpstreamId id, ReadingNumber begin, ReadingNumber end) {
        for (; begin < end; ++begin)
            ledger_.acknowledge(id, {&begin, 1});
    }
    std::uint64_t pending(UpstreamId id) {
        Status status;
        ledger_.fill(status, {});
        return status.upstreams.at(id).pending_readings;
    }

    Options options_;
    Ledger ledger_{options_};
    ReadingNumber next_ = 1;
    PageNumber page_ = 0;
};

TEST_F(LedgerTest, APageDiesWhenEveryUpstreamHasAllOfIt) {
    page(3, 3);
    acknowledge(0, 1, 4);
    acknowledge(1, 1, 3);
    EXPECT_TRUE(ledger_.take_dead(~PageNumber{0}, 1000).empty());
    acknowledge(1, 3, 4);
    EXPECT_EQ(ledger_.take_dead(~PageNumber{0}, 1000), (std::vector<PageNumber>{1}));
}

// Readings of other upstreams in between must not leave a hole each, or the progress grows without bound.
TEST_F(LedgerTest, ProgressIsOneRangeThoughEveryOtherPageIsForSomebodyElse) {
    for (int i = 0; i < 200; ++i)
        page(2, i % 2 == 0 ? 1 : 2);
    for (int i = 0; i < 200; i += 2)
        acknowledge(0, static_cast<ReadingNumber>(1 + 2 * i), 3 + 2 * static_cast<ReadingNumber>(i));
    EXPECT_EQ(ledger_.progress(0).ranges(), (std::vector<Range>{{1, 401}}));
    EXPECT_EQ(pending(0), 0U);
    EXPECT_EQ(pending(1), 200U);
    // Backwards, too: a backlog drained from its end.
    for (int i = 199; i > 0; i -= 2)
        acknowledge(1, static_cast<ReadingNumber>(1 + 2 * i), 3 + 2 * static_cast<ReadingNumber>(i));
    EXPECT_EQ(ledger_.progress(1).ranges(), (std::vector<Range>{{1, 401}}));
    EXPECT_EQ(ledger_.take_dead(~PageNumber{0}, 1000).size(), 200U);
}

TEST_F(LedgerTest, AnAcknowledgementOfWhatIsNotForTheUpstreamChangesNothing) {
    page(2, 1);
    acknowledge(1, 1, 3);
    acknowledge(0, 7, 9);
    EXPECT_TRUE(ledger_.progress(1).empty());
    EXPECT_EQ(pending(0), 2U);
    acknowledge(0, 1, 2);
    acknowledge(0, 1, 2);
    EXPECT_EQ(pending(0), 1U);
}

TEST_F(LedgerTest, FindsWhatWaitsBehindWhatIsDone) {
    page(2, 1);
    page(2, 2);
    page(2, 1);
    acknowledge(0, 1, 2);
    EXPECT_EQ(ledger_.next_waiting(0, 1)->number, 2U);
    EXPECT_EQ(ledger_.next_waiting(0, 3)->number, 5U);
    EXPECT_EQ(ledger_.next_waiting(0, 3)->page, 3U);
    EXPECT_EQ(ledger_.next_waiting(1, 1)->number, 3U);
    EXPECT_FALSE(ledger_.next_waiting(1, 5).has_value());
}

TEST_F(LedgerTest, ReadingsOfOnePageMayHaveDifferentUpstreams) {
    PageEntry entry;
    entry.first = 1;
    entry.page = 1;
    entry.count = 3;
    entry.bytes = 300;
    entry.upstreams = 3;
    entry.masks = std::make_unique<std::vector<UpstreamMask>>(std::vector<UpstreamMask>{1, 2, 3});
    ledger_.add_page(std::move(entry));
    EXPECT_EQ(pending(0), 2U);
    EXPECT_EQ(ledger_.next_waiting(1, 1)->number, 2U);
    acknowledge(0, 1, 4);
    EXPECT_EQ(pending(0), 0U);
    EXPECT_EQ(ledger_.progress(0).ranges(), (std::vector<Range>{{1, 4}}));
    ledger_.forget_upstream(1);
    EXPECT_EQ(ledger_.take_dead(~PageNumber{0}, 1000).size(), 1U);
}

}  // namespace
}  // namespace narrowgate::store
