// SPDX-License-Identifier: Apache-2.0
//
// What a broker teaches on one connection and is kept to on the next ones, seen at a broker that writes down
// what it was asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "events.hpp"
#include "fakes/aws.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::ElementsAre;

class ConnectionLessonsTest : public testing::Test {
protected:
    fakes::Aws::Options broker_with(std::vector<std::string> flags) {
        return {.certificate = pki_.server("broker", "DNS:localhost"),
                .root = pki_.root(),
                .flags = std::move(flags)};
    }
    ConnectionOptions options(const fakes::Aws& broker) { return options_for(broker.url(), pki_, client_); }
    // The next event, which must be that of a connection that stands.
    ServerLimits connected() {
        const auto event = events_.next();
        if (!event || event->kind != Event::Kind::kConnected) {
            ADD_FAILURE() << (event ? event->error.text() : "nothing happened");
            return {};
        }
        return event->limits;
    }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    Events events_;
};

// A second apart, as the broker wants CONNECTs of one client ID to be.
void next_connect(Connection& connection, Events& events) {
    EXPECT_FALSE(events.next(milliseconds(1'100)));
    connection.connect();
}

// MQTT 5 section 3.2.2.3.14. The server says it only where the client asked for something else: that it says
// nothing on the second connection does not take it back for the third.
TEST_F(ConnectionLessonsTest, EachConnectAfterTheFirstAsksForTheServersKeepAlive) {
    fakes::Aws broker(broker_with({"--least-keep-alive", "7", "--most-keep-alive", "9"}));
    auto connection = Connection::open(options(broker), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    EXPECT_EQ(connected().keep_alive, seconds(9));
    next_connect(**connection, events_);
    EXPECT_EQ(connected().keep_alive, std::nullopt);
    next_connect(**connection, events_);
    EXPECT_EQ(connected().keep_alive, std::nullopt);
    const int ours = static_cast<int>(ConnectionOptions{}.keep_alive.count());
    EXPECT_THAT(broker.keep_alives(3), ElementsAre(ours, 9, 9));
}

// Another broker has its own wishes.
TEST_F(ConnectionLessonsTest, AnotherBrokerIsAskedForOurKeepAliveAgain) {
    fakes::Aws strict(broker_with({"--most-keep-alive", "9", "--least-keep-alive", "7"}));
    fakes::Aws other(broker_with({}));
    auto connection = Connection::open(options(strict), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    EXPECT_EQ(connected().keep_alive, seconds(9));
    (*connection)->set_options(options(other));
    (*connection)->connect();
    EXPECT_EQ(connected().keep_alive, std::nullopt);
    EXPECT_THAT(other.keep_alives(1), ElementsAre(45));
}

// What the library makes of it: an idle connection that would end after 3 s of silence lasts by its PINGs.
TEST_F(ConnectionLessonsTest, AnIdleConnectionLastsByPingsAtTheServersInterval) {
    fakes::Aws broker(broker_with({"--least-keep-alive", "1", "--most-keep-alive", "2"}));
    auto connection = Connection::open(options(broker), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    EXPECT_EQ(connected().keep_alive, seconds(2));
    next_connect(**connection, events_);
    (void)connected();
    for (int waits = 0; waits < 60 && broker.counts().at("pings") < 3; ++waits) {
        const auto event = events_.next(milliseconds(250));
        ASSERT_FALSE(event) << event->error.text();
    }
    const auto counts = broker.counts();
    EXPECT_GE(counts.at("pings"), 3);
    EXPECT_EQ(counts.at("connections"), 2);
    EXPECT_FALSE(counts.at("disconnects").contains("0x8D"));
}

TEST_F(ConnectionLessonsTest, ABrokerThatEndsAConnectionForAnAliasIsOfferedNoneOnTheNext) {
    fakes::Aws broker(broker_with({"--topic-aliases", "8"}));
    auto connection = Connection::open(options(broker), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    ASSERT_EQ(connected().topic_alias_maximum, 8);
    // A ninth of eight: the broker's own refusal.
    ASSERT_TRUE(
        (*connection)->publish(1, {.topic = "dt/x", .payload = "1", .content_type = "", .topic_alias = 9}));
    const auto lost = events_.next();
    ASSERT_TRUE(lost);
    ASSERT_EQ(lost->kind, Event::Kind::kLost);
    EXPECT_EQ(lost->code, ReasonCode::kTopicAliasInvalid);
    for (int again = 0; again < 2; ++again) {
        next_connect(**connection, events_);
        EXPECT_EQ(connected().topic_alias_maximum, 0);
    }
    // Another broker has refused none.
    fakes::Aws other(broker_with({"--topic-aliases", "5"}));
    (*connection)->set_options(options(other));
    (*connection)->connect();
    EXPECT_EQ(connected().topic_alias_maximum, 5);
}

TEST_F(ConnectionLessonsTest, ABrokerThatRefusesAConnectForAnAliasIsOfferedNoneOnTheNext) {
    fakes::Aws broker(broker_with({}));
    broker.tell("refuse-connect 0x94");
    auto connection = Connection::open(options(broker), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    const auto refused = events_.next();
    ASSERT_TRUE(refused);
    ASSERT_EQ(refused->kind, Event::Kind::kConnectFailed);
    EXPECT_EQ(refused->code, ReasonCode::kTopicAliasInvalid);
    next_connect(**connection, events_);
    EXPECT_EQ(connected().topic_alias_maximum, 0);
}

}  // namespace
}  // namespace narrowgate::mqtt
