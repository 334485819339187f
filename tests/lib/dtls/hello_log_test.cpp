// SPDX-License-Identifier: Apache-2.0
//
// What ClientHellos leave behind that began no handshake (P9), and that strangers can make nothing of it
// (P5).
#include "narrowgate/dtls/hello_log.hpp"

#include <gtest/gtest.h>

#include "gateway.hpp"

namespace narrowgate::dtls {
namespace {

std::vector<SeenHellos> all_of(const HelloLog& log) {
    std::vector<SeenHellos> all;
    log.for_each([&](const SeenHellos& seen) { all.push_back(seen); });
    return all;
}

class HelloLogTest : public ::testing::Test {
protected:
    Bytes hello() {
        node_.client.start(gateway_.clock.now().steady);
        return node_.client.take_datagrams().at(0);
    }
    // The only entry.
    SeenHellos seen() {
        const auto all = all_of(gateway_.endpoint().hellos());
        EXPECT_EQ(all.size(), 1u);
        return all.empty() ? SeenHellos() : all.front();
    }

    Gateway gateway_;
    Node node_{gateway_};
};

TEST_F(HelloLogTest, ANodeThatNeverReturnsTheCookieIsSeen) {
    const Bytes first = hello();
    const auto began = gateway_.clock.now().steady;
    for (int n = 0; n < 5; ++n) {
        EXPECT_EQ(gateway_.receive(first, node_.path), Fate::kHelloVerify);
        gateway_.clock.advance(seconds(9));
    }
    const SeenHellos entry = seen();
    EXPECT_EQ(entry.remote, node_.path.remote);
    EXPECT_EQ(entry.without_cookie, 5u);
    EXPECT_EQ(entry.wrong_cookie, 0u);
    EXPECT_EQ(entry.first, began);
    EXPECT_EQ(entry.last, began + seconds(36));
    EXPECT_EQ(entry.datagram_bytes, first.size());
    EXPECT_EQ(entry.offered.numbers[0], 0xc0a8);
}

// A NAT that gives each datagram another port: the cookie is never of the address that it comes from.
TEST_F(HelloLogTest, ACookieOfAnotherAddressIsCountedApart) {
    gateway_.receive(hello(), node_.path);
    node_.client.receive(gateway_.take_sent().at(0).datagram, gateway_.clock.now().steady);
    const Bytes second = node_.client.take_datagrams().at(0);
    const Path elsewhere = path_from(41'000);
    EXPECT_EQ(gateway_.receive(second, elsewhere), Fate::kHelloVerify);
    const auto all = all_of(gateway_.endpoint().hellos());
    ASSERT_EQ(all.size(), 2u);
    const SeenHellos& entry = all[0].remote == elsewhere.remote ? all[0] : all[1];
    EXPECT_EQ(entry.wrong_cookie, 1u);
    EXPECT_EQ(entry.without_cookie, 0u);
}

TEST_F(HelloLogTest, AFragmentSaysHowLargeTheWholeWouldHaveBeen) {
    Bytes fragment = hello();
    fragment[14] = 0x02;  // the message's length, 24 bits from byte 14 on
    gateway_.receive(fragment, node_.path);
    const SeenHellos entry = seen();
    EXPECT_EQ(entry.fragmented, 1u);
    EXPECT_EQ(entry.last_fate, Fate::kFragmentedHello);
    EXPECT_GT(entry.message_bytes, 0x20000u);
    EXPECT_EQ(entry.fragment_bytes, fragment.size() - 25);  // behind both headers
}

TEST_F(HelloLogTest, AHandshakeTakesAlongWhatCameBeforeIt) {
    gateway_.admits = false;
    EXPECT_FALSE(node_.shake_hands());
    EXPECT_EQ(seen().not_admitted, 1u);
    EXPECT_EQ(seen().without_cookie, 1u);
    const auto first = seen().first;
    gateway_.admits = true;
    gateway_.clock.advance(seconds(9));
    node_.client.advance(gateway_.clock.now().steady);
    node_.exchange();
    ASSERT_TRUE(node_.client.established());
    EXPECT_TRUE(all_of(gateway_.endpoint().hellos()).empty());
    const HandshakeTrace& trace = gateway_.traces.at(0);
    EXPECT_EQ(trace.hellos_before, 1u);
    EXPECT_EQ(trace.put_off, 1u);
    EXPECT_EQ(trace.first_hello, first);
}

TEST_F(HelloLogTest, WhatWasLongAgoIsAnotherStory) {
    const Bytes first = hello();
    gateway_.receive(first, node_.path);
    gateway_.clock.advance(HelloLog::kForgetAfter + seconds(1));
    gateway_.receive(first, node_.path);
    EXPECT_EQ(seen().without_cookie, 1u);
    EXPECT_EQ(seen().first, gateway_.clock.now().steady);
    gateway_.clock.advance(HelloLog::kForgetAfter + seconds(1));
    (void)gateway_.take_sent();
    ASSERT_TRUE(node_.shake_hands());
    EXPECT_EQ(gateway_.traces.at(0).hellos_before, 1u);
}

// A flood from many more addresses than there are places: none is added, and the latest is there.
TEST_F(HelloLogTest, AFloodTakesNoMoreThanThePlacesThereAre) {
    const Bytes first = hello();
    for (int i = 0; i < 20'000; ++i) {
        gateway_.clock.advance(milliseconds(1));
        gateway_.receive(first, path_from(static_cast<std::uint16_t>(1024 + i)));
        (void)gateway_.take_sent();
    }
    const auto all = all_of(gateway_.endpoint().hellos());
    EXPECT_EQ(all.size(), HelloLog::kPlaces);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const SeenHellos& entry) {
        return entry.remote == path_from(1024 + 19'999).remote;
    }));
    // Recent ones, mostly: each has the place of one that had been silent for longest among four.
    const auto now = gateway_.clock.now().steady;
    EXPECT_GT(std::count_if(all.begin(), all.end(),
                            [&](const SeenHellos& entry) { return now - entry.last < seconds(2); }),
              static_cast<std::ptrdiff_t>(HelloLog::kPlaces * 9 / 10));
}

// Records of established sessions, and garbage, are none of its business.
TEST_F(HelloLogTest, OnlyClientHellosAreRemembered) {
    ASSERT_TRUE(node_.shake_hands());
    EXPECT_EQ(node_.says("21.5 Cel"), Fate::kReceipt);
    gateway_.receive(Bytes(40, 0xff), path_from(1));
    gateway_.receive({}, path_from(2));
    EXPECT_TRUE(all_of(gateway_.endpoint().hellos()).empty());
}

}  // namespace
}  // namespace narrowgate::dtls
