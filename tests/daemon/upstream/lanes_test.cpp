// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/lanes.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "fakes/memory_upstream.hpp"

namespace narrowgate::daemon {
namespace {

ReadingNumber front(Lanes& lanes, LaneName lane) {
    const auto waiting = lanes.waiting(lane);
    return waiting && !waiting->empty() ? waiting->front().number : 0;
}

// The first so many that wait.
void take(Lanes& lanes, LaneName lane, std::size_t count) {
    std::vector<std::size_t> places(count);
    std::iota(places.begin(), places.end(), std::size_t{0});
    lanes.take(lane, places);
}

std::vector<ReadingNumber> numbers(Lanes& lanes, LaneName lane) {
    std::vector<ReadingNumber> numbers;
    const auto waiting = lanes.waiting(lane);
    for (const Reading& reading : *waiting)
        numbers.push_back(reading.number);
    return numbers;
}

TEST(LanesTest, WhatWasThereBeforeIsBacklogAndWhatComesIsLive) {
    fakes::MemorySource source;
    source.add_many(2);
    Lanes lanes(source);
    lanes.begin(source.head());
    EXPECT_EQ(front(lanes, LaneName::kLive), 0U);
    EXPECT_EQ(front(lanes, LaneName::kBacklog), 1U);
    source.add();
    EXPECT_EQ(front(lanes, LaneName::kLive), 3U);
    EXPECT_EQ(front(lanes, LaneName::kBacklog), 1U);
}

// What came shortly before a connection is live with it: it does not wait behind all that is older.
TEST(LanesTest, TheLiveLaneMayBeginBeforeTheHead) {
    fakes::MemorySource source;
    source.add_many(5);
    Lanes lanes(source);
    lanes.begin(4);
    EXPECT_EQ(numbers(lanes, LaneName::kLive), (std::vector<ReadingNumber>{4, 5}));
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), (std::vector<ReadingNumber>{1, 2, 3}));
}

TEST(LanesTest, ALiveLaneThatNeverBeginsLeavesAllToTheBacklogInOrder) {
    fakes::MemorySource source;
    source.add_many(2);
    Lanes lanes(source);
    lanes.begin(std::numeric_limits<ReadingNumber>::max());
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), (std::vector<ReadingNumber>{1, 2}));
    source.add();
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), (std::vector<ReadingNumber>{1, 2, 3}));
    EXPECT_EQ(front(lanes, LaneName::kLive), 0U);
}

TEST(LanesTest, WhatComesBackTakesItsPlaceInItsLaneAndOthersInFlightAreNotSentTwice) {
    fakes::MemorySource source;
    source.add_many(2);
    Lanes lanes(source);
    lanes.begin(source.head());
    source.add_many(5);
    ASSERT_TRUE(lanes.waiting(LaneName::kLive));
    take(lanes, LaneName::kLive, 5);
    ASSERT_TRUE(lanes.waiting(LaneName::kBacklog));
    take(lanes, LaneName::kBacklog, 2);
    lanes.put_back(6);
    lanes.put_back(4);
    lanes.put_back(1);
    EXPECT_EQ(front(lanes, LaneName::kLive), 4U);
    take(lanes, LaneName::kLive, 1);
    EXPECT_EQ(front(lanes, LaneName::kLive), 6U);
    take(lanes, LaneName::kLive, 1);
    EXPECT_EQ(front(lanes, LaneName::kLive), 0U);
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), std::vector<ReadingNumber>{1});
    EXPECT_EQ(front(lanes, LaneName::kLive), 0U);
}

// A batch takes those that go together; the others keep their order.
TEST(LanesTest, ReadingsFromTheMiddleCanBeTaken) {
    fakes::MemorySource source;
    source.add_many(6);
    Lanes lanes(source);
    lanes.begin(source.head());
    ASSERT_TRUE(lanes.waiting(LaneName::kBacklog));
    take(lanes, LaneName::kBacklog, 1);
    ASSERT_TRUE(lanes.waiting(LaneName::kBacklog));
    lanes.take(LaneName::kBacklog, std::vector<std::size_t>{1, 3});
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), (std::vector<ReadingNumber>{2, 4, 6}));
    lanes.put_back(3);
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), (std::vector<ReadingNumber>{2, 3, 4, 6}));
}

TEST(LanesTest, MoreIsReadBeforeTheLastIsGone) {
    fakes::MemorySource source;
    source.add_many(1000);
    Lanes lanes(source);
    lanes.begin(source.head());
    while (true) {
        const std::size_t left = numbers(lanes, LaneName::kBacklog).size();
        if (left == 0) break;
        const auto last = numbers(lanes, LaneName::kBacklog).back();
        EXPECT_TRUE(last == 1000 || left >= 100) << left << " left before " << last;
        take(lanes, LaneName::kBacklog, std::min<std::size_t>(left, 30));
    }
    EXPECT_LE(source.reads, 10U);
}

TEST(LanesTest, WhatIsSetAsideStaysThereOverAReconnectUntilItIsDecided) {
    fakes::MemorySource source;
    source.add_many(3);
    Lanes lanes(source);
    lanes.begin(source.head());
    ASSERT_TRUE(lanes.waiting(LaneName::kBacklog));
    take(lanes, LaneName::kBacklog, 2);
    lanes.set_aside(1);
    lanes.set_aside(2);
    lanes.begin(source.head());
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), (std::vector<ReadingNumber>{3}));
    lanes.put_back(2);
    EXPECT_EQ(numbers(lanes, LaneName::kBacklog), (std::vector<ReadingNumber>{2, 3}));
}

// Any order of commits, takes, answers, refusals and losses: nothing is lost, nothing is in flight twice.
TEST(LanesTest, AnyOrderOfEventsDeliversEachReadingAndNeverHoldsOneTwice) {
    for (unsigned seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        fakes::MemorySource source;
        Lanes lanes(source);
        lanes.begin(source.head());
        std::set<ReadingNumber> in_flight;
        const auto answer_one = [&](bool good) {
            if (in_flight.empty()) return;
            const ReadingNumber number =
                *std::next(in_flight.begin(), static_cast<long>(random() % in_flight.size()));
            in_flight.erase(number);
            if (!good) {
                lanes.put_back(number);
                return;
            }
            source.acknowledge(std::span(&number, 1));
            lanes.done(number);
        };
        const auto take_one = [&](LaneName lane) {
            const ReadingNumber number = front(lanes, lane);
            if (number == 0) return false;
            take(lanes, lane, 1);
            EXPECT_TRUE(in_flight.insert(number).second) << "seed " << seed << ": " << number << " twice";
            return true;
        };
        for (int step = 0; step < 300; ++step) {
            switch (random() % 9) {
                case 8:  // one that was done is sent again
                    if (!source.acknowledged.empty() && random() % 4 == 0) {
                        const ReadingNumber number =
                            source.acknowledged[random() % source.acknowledged.size()];
                        std::erase(source.acknowledged, number);
                        source.bring_back(number);
                        lanes.look_again(*source.returned());
                    }
                    break;
                case 0:
                    source.add_many(random() % 100);
                    break;
                case 1:
                case 2:
                    take_one(LaneName::kLive);
                    break;
                case 3:
                case 4:
                    take_one(LaneName::kBacklog);
                    break;
                case 5:
                    answer_one(true);
                    break;
                case 6:
                    answer_one(false);
                    break;
                case 7:
                    if (random() % 20 == 0) {
                        in_flight.clear();
                        lanes.begin(source.head());
                    }
            }
        }
        while (take_one(LaneName::kLive) || take_one(LaneName::kBacklog) || !in_flight.empty())
            answer_one(true);
        EXPECT_EQ(source.waiting(), 0U) << "seed " << seed;
        EXPECT_EQ(source.acknowledged.size(), source.head() - 1);
    }
}

}  // namespace
}  // namespace narrowgate::daemon
