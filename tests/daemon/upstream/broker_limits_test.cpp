// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/broker_limits.hpp"

#include <gtest/gtest.h>

namespace narrowgate::daemon {
namespace {

using std::chrono::minutes;

mqtt::ServerLimits with_receive_maximum(std::uint16_t maximum) {
    mqtt::ServerLimits limits;
    limits.receive_maximum = maximum;
    return limits;
}

mqtt::ServerLimits with_packets_of(std::uint32_t bytes) {
    mqtt::ServerLimits limits;
    limits.maximum_packet_size = bytes;
    return limits;
}

TEST(BrokerLimitsTest, TheWindowIsTheNarrowestOfOursTheBrokersAndWhatItTaught) {
    BrokerLimits limits(64);
    limits.connected({});
    EXPECT_EQ(limits.window(), 64U);
    limits.connected(with_receive_maximum(11));
    EXPECT_EQ(limits.window(), 10U);
    limits.window_was_too_wide();
    EXPECT_EQ(limits.window(), 5U);
    limits.window_was_too_wide();
    limits.window_was_too_wide();
    EXPECT_EQ(limits.window(), BrokerLimits::kLeastWindow);
}

TEST(BrokerLimitsTest, AConnectionThatHoldsLetsTheNextTryTwice) {
    BrokerLimits limits(64);
    limits.connected({});
    limits.window_was_too_wide();
    ASSERT_EQ(limits.window(), 32U);
    limits.ended(minutes(9));
    EXPECT_EQ(limits.window(), 32U);
    limits.ended(minutes(10));
    limits.ended(minutes(10));
    EXPECT_EQ(limits.window(), 64U);
}

TEST(BrokerLimitsTest, AWindowThatIsNarrowAlreadyStaysAsItIs) {
    BrokerLimits limits(1);
    limits.connected({});
    limits.window_was_too_wide();
    EXPECT_EQ(limits.window(), 1U);
}

TEST(BrokerLimitsTest, APacketThatWasTooLargeIsTheLimitUnlessItIsTooSmallToBeTheReason) {
    BrokerLimits limits(64);
    limits.connected({});
    EXPECT_FALSE(limits.packet());
    EXPECT_FALSE(limits.packet_was_too_large(1024));
    EXPECT_FALSE(limits.packet());
    EXPECT_TRUE(limits.packet_was_too_large(5000));
    EXPECT_EQ(limits.packet(), 4999U);
    limits.connected(with_packets_of(4000));
    EXPECT_EQ(limits.packet(), 4000U);
    limits.connected(with_packets_of(9000));
    EXPECT_EQ(limits.packet(), 4999U);
}

}  // namespace
}  // namespace narrowgate::daemon
