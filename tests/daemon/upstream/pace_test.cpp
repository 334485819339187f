// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "daemon/upstream/aws_limits.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;

// Sends as fast as is allowed and waits as long as is asked; returns how many left within `time`.
struct Sent {
    int live = 0;
    int backlog = 0;
};
Sent send_for(SteadyTime::duration time, Pace& pace, std::size_t bytes, SteadyTime::duration live_every) {
    Sent sent;
    const SteadyTime begin{};
    SteadyTime next_live = begin;
    for (SteadyTime now = begin; now < begin + time;) {
        if (now >= next_live && pace.allows(LaneName::kLive, now)) {
            pace.spend(bytes);
            ++sent.live;
            next_live += live_every;
        } else if (pace.allows(LaneName::kBacklog, now)) {
            pace.spend(bytes);
            ++sent.backlog;
        } else {
            now = std::max(now + 1ns, std::min(pace.allowed_at(LaneName::kBacklog),
                                               std::max(next_live, pace.allowed_at(LaneName::kLive))));
        }
    }
    return sent;
}

TEST(PaceTest, WithoutLimitsEverythingMayLeave) {
    Pace pace({});
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_TRUE(pace.allows(LaneName::kBacklog, SteadyTime{}));
        pace.spend(1'000'000);
    }
}

TEST(PaceTest, PublishesASecondAreKept) {
    Pace pace({.publishes_per_second = 90});
    const Sent sent = send_for(10s, pace, 100, 1h);
    EXPECT_GE(sent.live + sent.backlog, 890);
    EXPECT_LE(sent.live + sent.backlog, 911);
}

// Whichever second a broker counts by, the first one too, when a full bucket is emptied at once.
TEST(PaceTest, NoSecondHoldsMoreThanAwsTakes) {
    Pace pace({.publishes_per_second = aws::kPublishesPerSecond, .bytes_per_second = aws::kBytesPerSecond});
    std::vector<SteadyTime> left;
    for (SteadyTime now{}; now < SteadyTime{} + 5s;) {
        if (pace.allows(LaneName::kLive, now)) {
            pace.spend(100);
            left.push_back(now);
        } else {
            now = std::max(now + 1ns, pace.allowed_at(LaneName::kLive));
        }
    }
    for (auto first = left.begin(); first != left.end(); ++first) {
        const auto end = std::lower_bound(first, left.end(), *first + 1s);
        ASSERT_LE(end - first, 100);
    }
    EXPECT_GE(left.size(), 475U);
}

TEST(PaceTest, NoSecondHoldsMoreBytesThanAwsTakesHoweverLargeItsMessages) {
    Pace pace({.publishes_per_second = aws::kPublishesPerSecond, .bytes_per_second = aws::kBytesPerSecond});
    std::vector<SteadyTime> left;
    for (SteadyTime now{}; now < SteadyTime{} + 5s;) {
        if (pace.allows(LaneName::kLive, now)) {
            pace.spend(aws::kLargestBatchBytes);
            left.push_back(now);
        } else {
            now = std::max(now + 1ns, pace.allowed_at(LaneName::kLive));
        }
    }
    for (auto first = left.begin(); first != left.end(); ++first) {
        const auto end = std::lower_bound(first, left.end(), *first + 1s);
        ASSERT_LE(static_cast<double>(end - first) * static_cast<double>(aws::kLargestBatchBytes),
                  aws::kMostBytesPerSecond);
    }
    EXPECT_GE(static_cast<double>(left.size() * aws::kLargestBatchBytes), 5 * aws::kBytesPerSecond);
}

TEST(PaceTest, BytesASecondAreKept) {
    Pace pace({.publishes_per_second = 1000, .bytes_per_second = 100'000});
    const Sent sent = send_for(10s, pace, 5'000, 1h);
    EXPECT_NEAR(sent.live + sent.backlog, 200, 4);
}

// The backlog takes what is left: of 50 live readings a second every one leaves when it comes.
TEST(PaceTest, TheBacklogLeavesRoomForWhatIsLive) {
    Pace pace({.publishes_per_second = 90});
    const Sent sent = send_for(10s, pace, 100, 20ms);
    EXPECT_EQ(sent.live, 500);
    EXPECT_GE(sent.backlog, 380);
}

}  // namespace
}  // namespace narrowgate::daemon
