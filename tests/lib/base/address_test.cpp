// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/base/address.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <set>

namespace narrowgate {
namespace {

TEST(AddressTest, ReadsTheFormThatItWrites) {
    for (const auto* text : {"192.0.2.1:5684", "0.0.0.0:0", "[2001:db8::1]:5684", "[::]:5684", "[::1]:65535",
                             "[fe80::1%2]:5684"}) {
        const auto address = Address::from_text(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->text(), text);
    }
}

TEST(AddressTest, WhatIsNotAnAddressIsRefused) {
    for (const auto* bad : {"",
                            ":",
                            "192.0.2.1",
                            "192.0.2.1:",
                            "192.0.2.1:65536",
                            "192.0.2.1:-1",
                            "192.0.2.256:1",
                            "192.0.2:1",
                            "[::1]",
                            "[::1]:",
                            "::1:5684",
                            "[::1:5684",
                            "::1]:5684",
                            "[::g]:1",
                            "[fe80::1%]:1",
                            "[fe80::1%eth0]:1",
                            "localhost:1",
                            "[192.0.2.1]:1",
                            "[]:1",
                            "192.0.2.1:1 ",
                            " 192.0.2.1:1"})
        EXPECT_FALSE(Address::from_text(bad)) << bad;
}

TEST(AddressTest, Ipv4IsTheSameInBothOfItsForms) {
    const auto plain = Address::from_text("192.0.2.1:5684");
    const auto mapped = Address::from_text("[::ffff:192.0.2.1]:5684");
    ASSERT_TRUE(plain && mapped);
    EXPECT_EQ(*plain, *mapped);
    EXPECT_TRUE(plain->is_v4());
    EXPECT_FALSE(Address::from_text("[::192.0.2.1]:1")->is_v4());
    EXPECT_FALSE(Address::from_text("[::1]:1")->is_v4());
}

TEST(AddressTest, SocketAddressesOfBothFamiliesComeBack) {
    for (const auto* text : {"192.0.2.1:5684", "[2001:db8::1]:5684", "[fe80::1%3]:1"}) {
        const auto address = *Address::from_text(text);
        sockaddr_storage storage;
        EXPECT_EQ(address.to_sockaddr(storage, false), sizeof(sockaddr_in6));
        EXPECT_EQ(storage.ss_family, AF_INET6);
        EXPECT_EQ(Address::from_sockaddr(storage), address);
    }
    const auto v4 = *Address::from_text("192.0.2.1:5684");
    sockaddr_storage storage;
    EXPECT_EQ(v4.to_sockaddr(storage, true), sizeof(sockaddr_in));
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    EXPECT_EQ(in.sin_family, AF_INET);
    EXPECT_EQ(ntohs(in.sin_port), 5684);
    EXPECT_EQ(ntohl(in.sin_addr.s_addr), 0xC0000201U);
    EXPECT_EQ(Address::from_sockaddr(storage), v4);
}

TEST(AddressTest, OtherFamiliesAreNoAddress) {
    sockaddr_storage storage{};
    storage.ss_family = AF_UNIX;
    EXPECT_FALSE(Address::from_sockaddr(storage));
}

// The kernel may fill in a scope where there is none; the same peer must stay the same key.
TEST(AddressTest, AScopeCountsForLinkLocalAddressesOnly) {
    sockaddr_storage storage;
    auto global = *Address::from_text("[2001:db8::1]:1");
    global.scope = 7;
    (void)global.to_sockaddr(storage, false);
    EXPECT_EQ(Address::from_sockaddr(storage)->scope, 0U);
}

TEST(AddressTest, HashesDependOnEveryPartAndOnTheSeed) {
    const Path path{.local = *Address::from_text("[2001:db8::1]:5684"),
                    .remote = *Address::from_text("192.0.2.1:40000")};
    std::set<std::uint64_t> hashes = {hash_of(path, 1), hash_of(path, 2)};
    for (int part = 0; part < 6; ++part) {
        auto other = path;
        auto& address = part % 2 == 0 ? other.local : other.remote;
        if (part / 2 == 0) address.ip[15] ^= 1;
        if (part / 2 == 1) address.port ^= 1;
        if (part / 2 == 2) address.scope ^= 1;
        hashes.insert(hash_of(other, 1));
    }
    EXPECT_EQ(hashes.size(), 8U);
    EXPECT_EQ(hash_of(path, 1), hash_of(Path(path), 1));
}

// Neighbours, as a carrier's NAT makes them, must not meet in a table of 2^16 slots more than chance has it.
TEST(AddressTest, HashesOfNeighboursSpread) {
    Path path{.local = *Address::from_text("192.0.2.1:5684"),
              .remote = *Address::from_text("198.51.100.1:1024")};
    std::set<std::uint64_t> slots;
    constexpr unsigned kPeers = 4096;
    for (unsigned i = 0; i < kPeers; ++i) {
        path.remote.port = static_cast<std::uint16_t>(1024 + i);
        slots.insert(hash_of(path, 99) & 0xFFFF);
    }
    EXPECT_GT(slots.size(), kPeers * 95 / 100);  // 3 970 of 4 096 are expected
}

}  // namespace
}  // namespace narrowgate
