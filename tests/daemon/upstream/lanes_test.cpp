// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/lanes.hpp"

#include <gtest/gtest.h>

#include <random>

#include "fakes/memory_upstream.hpp"

namespace narrowgate::daemon {
namespace {

ReadingNumber front(Lanes& lanes, LaneName lane) {
    const auto waiting = lanes.waiting(lane);
    return waiting && !waiting->empty() ? waiting->front().number : 0;
}

TEST(LanesTest, WhatWasThereBeforeIsBacklogAndWhatComesIsLive) {
    fakes::MemorySource source;
    source.add_many(2);
    Lanes lanes(source);
    lanes.begin();
    EXPECT_EQ(front(lanes, LaneName::kLive), 0U);
    EXPECT_EQ(front(lanes, LaneName::kBacklog), 1U);
    source.add();
    EXPECT_EQ(front(lanes, LaneName::kLive), 3U);
    EXPECT_EQ(front(lanes, LaneName::kBacklog), 1U);
}

TEST(LanesTest, WhatComesBackTakesItsPlaceInTheBacklogAndOthersInFlightAreNotSentTwice) {
    fakes::MemorySource source;
    Lanes lanes(source);
    lanes.begin();
    source.add_many(5);
    (void)lanes.waiting(LaneName::kLive);
    lanes.take(LaneName::kLive, 5);
    lanes.put_back(4);
    lanes.put_back(2);
    EXPECT_EQ(front(lanes, LaneName::kBacklog), 2U);
    lanes.take(LaneName::kBacklog, 1);
    EXPECT_EQ(front(lanes, LaneName::kBacklog), 4U);
    lanes.take(LaneName::kBacklog, 1);
    EXPECT_EQ(front(lanes, LaneName::kBacklog), 0U);
    EXPECT_EQ(front(lanes, LaneName::kLive), 0U);
}

// Any order of commits, takes, answers, refusals and losses: nothing is lost, nothing is in flight twice.
TEST(LanesTest, AnyOrderOfEventsDeliversEachReadingAndNeverHoldsOneTwice) {
    for (unsigned seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        fakes::MemorySource source;
        Lanes lanes(source);
        lanes.begin();
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
            lanes.take(lane, 1);
            EXPECT_TRUE(in_flight.insert(number).second) << "seed " << seed << ": " << number << " twice";
            return true;
        };
        for (int step = 0; step < 300; ++step) {
            switch (random() % 8) {
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
                        lanes.begin();
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
