// SPDX-License-Identifier: Apache-2.0
#include "sim/link.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fakes/manual_clock.hpp"

namespace narrowgate::sim {
namespace {

const Bytes kDatagram{1, 2, 3};

TEST(Link, CarriesADatagramAfterItsDelayAndNotBefore) {
    fakes::ManualClock clock;
    Link link({.delay = milliseconds(100)}, 1);
    link.send(Direction::kUp, kDatagram, clock.now().steady);
    EXPECT_EQ(link.next_arrival(), clock.now().steady + milliseconds(100));
    clock.advance(milliseconds(99));
    EXPECT_FALSE(link.take(Direction::kUp, clock.now().steady));
    clock.advance(milliseconds(1));
    EXPECT_FALSE(link.take(Direction::kDown, clock.now().steady));
    EXPECT_EQ(link.take(Direction::kUp, clock.now().steady), kDatagram);
    EXPECT_FALSE(link.next_arrival());
}

TEST(Link, LosesAndRepeatsAboutAsOftenAsItWasTold) {
    fakes::ManualClock clock;
    Link link({.loss = 0.1, .duplication = 0.05}, 7);
    constexpr unsigned kSent = 10'000;
    unsigned arrived = 0;
    for (unsigned i = 0; i < kSent; ++i) {
        link.send(Direction::kDown, kDatagram, clock.now().steady);
        while (link.take(Direction::kDown, clock.now().steady))
            ++arrived;
    }
    // 10 000 * 1.05 * 0.9 = 9 450, give or take five standard deviations.
    EXPECT_NEAR(arrived, 9'450, 190);
    const LinkCounts& counts = link.counts(Direction::kDown);
    EXPECT_EQ(counts.carried, arrived);
    EXPECT_EQ(counts.carried + counts.lost, kSent + counts.duplicated);
}

TEST(Link, DeliversInAnotherOrderWhenItReorders) {
    fakes::ManualClock clock;
    Link link({.delay = milliseconds(10), .reorder = 0.5}, 3);
    for (std::uint8_t i = 0; i < 20; ++i)
        link.send(Direction::kUp, Bytes{i}, clock.now().steady);
    clock.advance(milliseconds(100));
    Bytes order;
    while (auto datagram = link.take(Direction::kUp, clock.now().steady))
        order.push_back(datagram->front());
    ASSERT_EQ(order.size(), 20U);
    EXPECT_FALSE(std::ranges::is_sorted(order));
}

TEST(Link, LosesWhatIsLongerThanItsLimit) {
    fakes::ManualClock clock;
    Link link({.max_bytes = 512}, 1);
    link.send(Direction::kUp, Bytes(512), clock.now().steady);
    link.send(Direction::kUp, Bytes(513), clock.now().steady);
    EXPECT_TRUE(link.take(Direction::kUp, clock.now().steady));
    EXPECT_FALSE(link.take(Direction::kUp, clock.now().steady));
    EXPECT_EQ(link.counts(Direction::kUp).oversized, 1U);
}

}  // namespace
}  // namespace narrowgate::sim
