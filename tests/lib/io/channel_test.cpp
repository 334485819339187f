// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/io/channel.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <thread>

namespace narrowgate::io {
namespace {

bool readable(int fd) {
    pollfd poller{.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&poller, 1, 0) == 1;
}

TEST(ChannelTest, IsReadableOnlyWhileSomethingWaits) {
    auto channel = Channel<int>::create(4);
    ASSERT_TRUE(channel.has_value());
    EXPECT_FALSE(readable(channel->fd()));
    EXPECT_TRUE(channel->push(1));
    EXPECT_TRUE(readable(channel->fd()));
    std::vector<int> taken;
    channel->drain(taken);
    EXPECT_EQ(taken, std::vector<int>{1});
    EXPECT_FALSE(readable(channel->fd()));
}

TEST(ChannelTest, AFullChannelRefusesInsteadOfWaiting) {
    auto channel = Channel<std::string>::create(2);
    ASSERT_TRUE(channel.has_value());
    EXPECT_TRUE(channel->push("a"));
    EXPECT_TRUE(channel->push("b"));
    EXPECT_FALSE(channel->push("c"));
    std::vector<std::string> taken;
    channel->drain(taken);
    EXPECT_EQ(taken, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(channel->push("d"));
}

// Four senders at once: everything arrives once, and each sender's items stay in order.
TEST(ChannelTest, LosesAndReordersNothingAmongThreads) {
    constexpr int kSenders = 4;
    constexpr int kItems = 5000;
    auto channel = Channel<std::pair<int, int>>::create(kSenders * kItems);
    ASSERT_TRUE(channel.has_value());
    std::vector<int> next(kSenders, 0);
    {
        std::vector<std::jthread> senders;
        for (int sender = 0; sender < kSenders; ++sender) {
            senders.emplace_back([&channel, sender] {
                for (int item = 0; item < kItems; ++item)
                    ASSERT_TRUE(channel->push({sender, item}));
            });
        }
        std::vector<std::pair<int, int>> taken;
        for (int received = 0; received < kSenders * kItems;) {
            pollfd poller{.fd = channel->fd(), .events = POLLIN, .revents = 0};
            ASSERT_EQ(poll(&poller, 1, 10'000), 1);
            channel->drain(taken);
            for (const auto& [sender, item] : taken) {
                EXPECT_EQ(item, next[static_cast<std::size_t>(sender)]++);
                ++received;
            }
        }
    }
    EXPECT_EQ(next, std::vector<int>(kSenders, kItems));
}

}  // namespace
}  // namespace narrowgate::io
