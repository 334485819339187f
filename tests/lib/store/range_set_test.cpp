// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/store/range_set.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace narrowgate::store {
namespace {

TEST(RangeSetTest, MergesWhatTouchesAndOverlaps) {
    RangeSet set;
    EXPECT_EQ(set.insert(1, 3), 2U);
    EXPECT_EQ(set.insert(5, 7), 2U);
    EXPECT_EQ(set.insert(3, 5), 2U);
    EXPECT_EQ(set.ranges(), (std::vector<Range>{{1, 7}}));
    EXPECT_EQ(set.insert(2, 9), 2U);
    EXPECT_EQ(set.insert(2, 9), 0U);
    EXPECT_EQ(set.ranges(), (std::vector<Range>{{1, 9}}));
    EXPECT_EQ(set.insert(9, 9), 0U);
}

TEST(RangeSetTest, TakesNumbersOutOfEveryPartOfARange) {
    RangeSet set;
    set.insert(1, 8);
    set.erase(1);
    set.erase(7);
    set.erase(4);
    set.erase(9);
    set.erase(0);
    EXPECT_EQ(set.ranges(), (std::vector<Range>{{2, 4}, {5, 7}}));
    for (const std::uint64_t number : {2, 3, 6, 5})
        set.erase(number);
    EXPECT_TRUE(set.empty());
}

TEST(RangeSetTest, FindsTheFirstNumberThatIsMissing) {
    RangeSet set;
    set.insert(1, 4);
    set.insert(6, 8);
    EXPECT_EQ(set.first_missing(0), 0U);
    EXPECT_EQ(set.first_missing(1), 4U);
    EXPECT_EQ(set.first_missing(5), 5U);
    EXPECT_EQ(set.first_missing(6), 8U);
    EXPECT_EQ(set.count_within(3, 7), 2U);
}

// Every operation against a plain set of numbers, in an order nobody would choose.
TEST(RangeSetTest, AgreesWithASetOfNumbers) {
    std::mt19937 random(7);
    RangeSet set;
    std::set<std::uint64_t> numbers;
    for (int round = 0; round < 3000; ++round) {
        const std::uint64_t begin = random() % 400;
        const std::uint64_t end = begin + random() % 6;
        std::uint64_t fresh = 0;
        for (auto n = begin; n < end; ++n)
            fresh += numbers.insert(n).second ? 1 : 0;
        ASSERT_EQ(set.insert(begin, end), fresh);
        const std::uint64_t gone = random() % 400;
        set.erase(gone);
        numbers.erase(gone);
        const std::uint64_t probe = random() % 400;
        ASSERT_EQ(set.contains(probe), numbers.contains(probe));
        auto missing = probe;
        while (numbers.contains(missing))
            ++missing;
        ASSERT_EQ(set.first_missing(probe), missing);
        std::uint64_t within = 0;
        for (auto n = probe; n < probe + 20; ++n)
            within += numbers.contains(n) ? 1 : 0;
        ASSERT_EQ(set.count_within(probe, probe + 20), within);
        if (round % 400 == 399) {
            set = {};
            numbers.clear();
        }
    }
}

}  // namespace
}  // namespace narrowgate::store
