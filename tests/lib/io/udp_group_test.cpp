// SPDX-License-Identifier: Apache-2.0
//
// With real sockets on loopback: it is the kernel that is asked to steer here.
#include "narrowgate/io/udp_group.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/io/cid_steering.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::io {
namespace {

std::vector<UdpSocket> open_group(const char* address, std::size_t count) {
    auto group = open_udp_group({.listen = *Address::from_text(address)}, count, kSteering);
    EXPECT_TRUE(group.has_value()) << (group ? "" : group.error().text());
    return std::move(*group);
}

Bytes record(std::uint8_t type, std::uint8_t cid_byte, std::size_t bytes = 40) {
    Bytes record(bytes, 0xee);
    record[0] = type;
    if (bytes > 11) record[11] = cid_byte;
    return record;
}

class UdpGroupTest : public ::testing::TestWithParam<const char*> {
protected:
    // Sends from a socket of its own, so that the kernel's own choice differs between calls.
    void send(const std::vector<UdpSocket>& group, ByteView datagram) {
        auto node = UdpSocket::open({.listen = *Address::from_text(GetParam())});
        ASSERT_TRUE(node.has_value());
        node->send({node->local(), group.front().local()}, datagram);
        node->flush();
        ASSERT_EQ(node->counters().sent, 1u);
        nodes_.push_back(std::move(*node));
    }

    // Which socket gets what waits; nothing when none does in time. Loopback delivers before sendmsg(2)
    // returns, so `patience` is for what must come.
    static std::optional<std::size_t> receiver(std::vector<UdpSocket>& group, milliseconds patience) {
        std::vector<pollfd> pollers;
        for (const UdpSocket& socket : group)
            pollers.push_back({.fd = socket.fd(), .events = POLLIN, .revents = 0});
        if (poll(pollers.data(), pollers.size(), static_cast<int>(patience.count())) <= 0)
            return std::nullopt;
        for (std::size_t i = 0; i < group.size(); ++i) {
            std::size_t taken = 0;
            (void)group[i].receive([&](ByteView, const Path&) { ++taken; });
            if (taken == 1) return i;
        }
        return std::nullopt;
    }

    std::vector<UdpSocket> nodes_;
};

TEST_P(UdpGroupTest, AKeyChoosesTheSocketWhateverTheSender) {
    for (const std::size_t count : {1u, 2u, 3u, 16u}) {
        std::vector<UdpSocket> group = open_group(GetParam(), count);
        ASSERT_EQ(group.size(), count);
        for (std::uint8_t nibble = 0; nibble < 16; ++nibble) {
            // The other nibble is no part of the key.
            send(group, record(25, static_cast<std::uint8_t>(0xa0 | nibble)));
            EXPECT_EQ(receiver(group, seconds(5)), nibble % count) << count << " sockets, nibble " << +nibble;
        }
    }
}

TEST_P(UdpGroupTest, OtherDatagramsAreSpreadBySender) {
    std::vector<UdpSocket> group = open_group(GetParam(), 4);
    std::vector<int> got(group.size());
    for (int i = 0; i < 64; ++i) {
        send(group, record(22, 0));
        const auto socket = receiver(group, seconds(5));
        ASSERT_TRUE(socket.has_value());
        ++got[*socket];
    }
    // 64 in 4 by chance: that one of them gets none happens once in ten million runs.
    for (const int count : got)
        EXPECT_GT(count, 0);
}

// Cut short in the header, by one byte and by all: none of it reaches anybody, and what follows does.
TEST_P(UdpGroupTest, WhatIsShorterThanItsHeaderIsDroppedByTheKernel) {
    std::vector<UdpSocket> group = open_group(GetParam(), 2);
    for (const auto& [type, bytes] :
         {std::pair<std::uint8_t, std::size_t>{25, 18}, {25, 12}, {25, 11}, {25, 1}, {22, 12}, {22, 1}}) {
        send(group, record(type, 1, bytes));
    }
    send(group, {});
    EXPECT_EQ(receiver(group, milliseconds(0)), std::nullopt);
    send(group, record(25, 1, 19));
    EXPECT_EQ(receiver(group, seconds(5)), 1u);
    send(group, record(22, 1, 13));
    EXPECT_NE(receiver(group, seconds(5)), std::nullopt);
}

TEST_P(UdpGroupTest, AllAreAtThePortThatTheFirstWasGiven) {
    const std::vector<UdpSocket> group = open_group(GetParam(), 3);
    EXPECT_NE(group.front().local().port, 0);
    for (const UdpSocket& socket : group)
        EXPECT_EQ(socket.local(), group.front().local());
}

// A second gateway of the same user could join by SO_REUSEPORT and take a part of the nodes away in silence.
TEST_P(UdpGroupTest, AnAddressThatASecondGroupWantsIsInUse) {
    for (const std::size_t count : {1u, 2u}) {
        const std::vector<UdpSocket> group = open_group(GetParam(), 2);
        const auto second = open_udp_group({.listen = group.front().local()}, count, kSteering);
        ASSERT_FALSE(second.has_value());
        EXPECT_NE(second.error().text().find("in use"), std::string::npos) << second.error().text();
    }
}

INSTANTIATE_TEST_SUITE_P(IPv4, UdpGroupTest, ::testing::Values("127.0.0.1:0"));
INSTANTIATE_TEST_SUITE_P(IPv6, UdpGroupTest, ::testing::Values("[::1]:0"));

// "[::]:port", as most gateways listen, with nodes that come by IPv4.
TEST(UdpGroupDualStackTest, SteersIPv4ThatComesToAnIPv6Socket) {
    auto group = open_udp_group({.listen = *Address::from_text("[::]:0")}, 2, kSteering);
    ASSERT_TRUE(group.has_value());
    Address asked = *Address::from_text("127.0.0.1:1");
    asked.port = group->front().local().port;
    auto node = UdpSocket::open({.listen = *Address::from_text("127.0.0.1:0")});
    ASSERT_TRUE(node.has_value());
    for (const std::uint8_t nibble : std::to_array<std::uint8_t>({1, 0, 1, 1})) {
        node->send({node->local(), asked}, record(25, nibble));
        node->flush();
        UdpSocket& owner = (*group)[nibble];
        pollfd poller{.fd = owner.fd(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(poll(&poller, 1, 5000), 1);
        EXPECT_EQ(owner.receive([](ByteView, const Path&) {}), 1u);
    }
}

}  // namespace
}  // namespace narrowgate::io
