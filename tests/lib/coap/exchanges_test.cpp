// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/coap/exchanges.hpp"

#include <gtest/gtest.h>

#include "fakes/manual_clock.hpp"

namespace narrowgate::coap {
namespace {

using Standing = Exchanges::Standing;
using std::chrono::hours;

constexpr milliseconds kLifetime{247'000};

class ExchangesTest : public testing::Test {
protected:
    Standing begin(Exchanges& exchanges, SessionId session, std::uint16_t mid) {
        return exchanges.begin(session, mid, kLifetime, clock_.now()).standing;
    }
    std::string reply_of(Exchanges& exchanges, SessionId session, std::uint16_t mid) {
        const auto [standing, reply] = exchanges.begin(session, mid, kLifetime, clock_.now());
        EXPECT_EQ(standing, Standing::kDuplicateAnswered);
        return std::string(narrowgate::text_of(reply));
    }

    fakes::ManualClock clock_;
    Exchanges exchanges_;
};

// RFC 7252 section 4.8.2 gives these for the default parameters.
TEST(TransmissionParametersTest, DeriveTheTimesOfTheRfc) {
    const TransmissionParameters defaults;
    EXPECT_EQ(defaults.max_transmit_span(), seconds(45));
    EXPECT_EQ(defaults.exchange_lifetime(), seconds(247));
    EXPECT_EQ(defaults.non_lifetime(), seconds(145));
    EXPECT_EQ(defaults.lifetime_of(MessageType::kConfirmable), seconds(247));
    EXPECT_EQ(defaults.lifetime_of(MessageType::kNonConfirmable), seconds(145));
}

TEST(TransmissionParametersTest, GrowWithASlowFleetsTimeout) {
    const TransmissionParameters slow{.ack_timeout = seconds(10)};
    EXPECT_EQ(slow.max_transmit_span(), seconds(225));
    EXPECT_EQ(slow.exchange_lifetime(), seconds(225 + 200 + 10));
}

TEST_F(ExchangesTest, GivesTheReplyAgainOnlyOnceItIsThere) {
    EXPECT_EQ(begin(exchanges_, 1, 7), Standing::kNew);
    EXPECT_EQ(begin(exchanges_, 1, 7), Standing::kDuplicateInProgress);
    exchanges_.complete(1, 7, bytes_of("reply"));
    EXPECT_EQ(reply_of(exchanges_, 1, 7), "reply");
    EXPECT_EQ(reply_of(exchanges_, 1, 7), "reply");
}

TEST_F(ExchangesTest, KeepsSessionsAndMessageIdsApart) {
    EXPECT_EQ(begin(exchanges_, 1, 7), Standing::kNew);
    EXPECT_EQ(begin(exchanges_, 2, 7), Standing::kNew);
    EXPECT_EQ(begin(exchanges_, 1, 8), Standing::kNew);
}

TEST_F(ExchangesTest, RemembersSilenceToo) {
    begin(exchanges_, 1, 7);
    exchanges_.complete(1, 7, {});
    EXPECT_EQ(reply_of(exchanges_, 1, 7), "");
}

// The commit failed: the node's next retransmission is its next chance.
TEST_F(ExchangesTest, TriesAnAbandonedExchangeAnew) {
    begin(exchanges_, 1, 7);
    exchanges_.abandon(1, 7);
    EXPECT_EQ(begin(exchanges_, 1, 7), Standing::kNew);
    exchanges_.complete(1, 7, bytes_of("done"));
    exchanges_.abandon(1, 7);
    EXPECT_EQ(reply_of(exchanges_, 1, 7), "done");
}

TEST_F(ExchangesTest, ForgetsWhenTheLifetimeIsOver) {
    begin(exchanges_, 1, 7);
    exchanges_.complete(1, 7, bytes_of("reply"));
    clock_.advance(kLifetime - milliseconds(1));
    EXPECT_EQ(reply_of(exchanges_, 1, 7), "reply");
    clock_.advance(milliseconds(1));
    EXPECT_EQ(begin(exchanges_, 1, 7), Standing::kNew);
}

// An expired one that waits behind a fleet's longer-lived ones is expired all the same.
TEST_F(ExchangesTest, HonoursAShortLifetimeBehindALongOne) {
    exchanges_.begin(1, 1, hours(1), clock_.now());
    exchanges_.begin(2, 2, seconds(10), clock_.now());
    clock_.advance(seconds(10));
    EXPECT_EQ(exchanges_.begin(2, 2, seconds(10), clock_.now()).standing, Standing::kNew);
    EXPECT_EQ(begin(exchanges_, 1, 1), Standing::kDuplicateInProgress);
}

TEST_F(ExchangesTest, GivesMemoryBackAsTimePasses) {
    for (std::uint16_t mid = 0; mid < 50; ++mid) {
        begin(exchanges_, 1, mid);
        exchanges_.complete(1, mid, bytes_of("reply"));
    }
    clock_.advance(kLifetime);
    for (std::uint16_t mid = 0; mid < 20; ++mid)
        begin(exchanges_, 2, mid);
    EXPECT_EQ(exchanges_.size(), 20U);
    EXPECT_EQ(exchanges_.reply_bytes(), 0U);
    EXPECT_EQ(exchanges_.pushed_out(), 0U);
}

TEST_F(ExchangesTest, AnswersAfterARestartWhatWasAnsweredBefore) {
    exchanges_.restore(1, 7, bytes_of("before"), clock_.now().wall + seconds(100), clock_.now());
    EXPECT_EQ(reply_of(exchanges_, 1, 7), "before");
    clock_.advance(seconds(100));
    EXPECT_EQ(begin(exchanges_, 1, 7), Standing::kNew);
}

TEST_F(ExchangesTest, RestoresNothingThatIsPastItsTime) {
    exchanges_.restore(1, 7, bytes_of("old"), clock_.now().wall, clock_.now());
    EXPECT_EQ(exchanges_.size(), 0U);
}

// The wall clock was set back by a year while we were down: a message ID must come free all the same.
TEST_F(ExchangesTest, RestoresForNoLongerThanTheLongestLifetime) {
    exchanges_.restore(1, 7, bytes_of("x"), clock_.now().wall + hours(24 * 365), clock_.now());
    clock_.advance(Exchanges::kLongestLifetime);
    EXPECT_EQ(begin(exchanges_, 1, 7), Standing::kNew);
}

TEST_F(ExchangesTest, LetsNothingOldReplaceWhatIsKnown) {
    begin(exchanges_, 1, 7);
    exchanges_.complete(1, 7, bytes_of("new"));
    exchanges_.restore(1, 7, bytes_of("old"), clock_.now().wall + seconds(100), clock_.now());
    EXPECT_EQ(reply_of(exchanges_, 1, 7), "new");
}

TEST_F(ExchangesTest, ForgetsOneSessionAndNoOther) {
    for (std::uint16_t mid = 0; mid < 10; ++mid) {
        begin(exchanges_, 1, mid);
        begin(exchanges_, 2, mid);
        exchanges_.complete(1, mid, bytes_of("one"));
        exchanges_.complete(2, mid, bytes_of("two"));
    }
    exchanges_.forget(1);
    exchanges_.forget(3);
    EXPECT_EQ(exchanges_.size(), 10U);
    EXPECT_EQ(exchanges_.reply_bytes(), 30U);
    EXPECT_EQ(begin(exchanges_, 1, 4), Standing::kNew);
    EXPECT_EQ(reply_of(exchanges_, 2, 4), "two");
}

// A node that sends as fast as it can pushes out its own exchanges, oldest first, and nobody else's.
TEST_F(ExchangesTest, HoldsAFloodOfOneSessionToItsShare) {
    Exchanges exchanges({.max_exchanges = 1000, .max_exchanges_per_session = 8});
    begin(exchanges, 2, 1);
    exchanges.complete(2, 1, bytes_of("other"));
    for (std::uint16_t mid = 0; mid < 60'000; ++mid) {
        begin(exchanges, 1, mid);
        exchanges.complete(1, mid, bytes_of("mine"));
        ASSERT_LE(exchanges.size(), 9U);
    }
    EXPECT_EQ(reply_of(exchanges, 2, 1), "other");
    EXPECT_EQ(reply_of(exchanges, 1, 59'992), "mine");
    EXPECT_EQ(begin(exchanges, 1, 59'991), Standing::kNew);
    EXPECT_GE(exchanges.pushed_out(), 59'992U);
}

TEST_F(ExchangesTest, HoldsAFloodOfAllSessionsToItsLimits) {
    Exchanges exchanges({.max_exchanges = 100, .max_exchanges_per_session = 8, .max_reply_bytes = 5'000});
    const Bytes reply(100, 'r');
    for (SessionId session = 0; session < 20'000; ++session) {
        begin(exchanges, session, 1);
        exchanges.complete(session, 1, reply);
        ASSERT_LE(exchanges.size(), 100U);
        ASSERT_LE(exchanges.reply_bytes(), 5'000U);
    }
    EXPECT_EQ(exchanges.size(), 50U);
    EXPECT_EQ(begin(exchanges, 19'949, 1), Standing::kNew);
    EXPECT_EQ(begin(exchanges, 19'999, 1), Standing::kDuplicateAnswered);
}

TEST_F(ExchangesTest, IgnoresTheEndOfAnExchangeThatWasPushedOut) {
    Exchanges exchanges({.max_exchanges = 1});
    begin(exchanges, 1, 1);
    begin(exchanges, 2, 2);
    exchanges.complete(1, 1, bytes_of("late"));
    exchanges.abandon(1, 1);
    EXPECT_EQ(exchanges.size(), 1U);
    EXPECT_EQ(exchanges.reply_bytes(), 0U);
}

}  // namespace
}  // namespace narrowgate::coap
