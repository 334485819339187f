// SPDX-License-Identifier: Apache-2.0
//
// Against a real mosquitto on loopback, with client certificates.
#include "narrowgate/mqtt/connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "events.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::Contains;
using testing::HasSubstr;

class ConnectionTest : public testing::Test {
protected:
    std::unique_ptr<Connection> open(const ConnectionOptions& options) {
        auto connection = Connection::open(options, events_.post());
        EXPECT_TRUE(connection.has_value());
        return std::move(*connection);
    }
    std::unique_ptr<Connection> open() { return open(options_for(broker_, pki_, client_)); }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    fakes::Mosquitto broker_{{.certificate = pki_.server("broker", "DNS:localhost"),
                              .root = pki_.root(),
                              .access_rules = {},
                              .further_lines = {},
                              .tls_1_2_only = false}};
    Events events_;
};

TEST_F(ConnectionTest, APublishIsAnsweredByThePubackOfItsToken) {
    broker_.subscribe("dt/#", pki_.client("reader"));
    const auto connection = open();
    const std::uint64_t attempt = connection->connect();
    const auto connected = events_.next();
    ASSERT_TRUE(connected);
    ASSERT_EQ(connected->kind, Event::Kind::kConnected) << connected->error.text();
    EXPECT_EQ(connected->attempt, attempt);

    ASSERT_TRUE(
        connection->publish(77, {.topic = "dt/a/wm-1", .payload = "{}", .content_type = "application/json"}));
    const auto published = events_.next();
    ASSERT_TRUE(published);
    EXPECT_EQ(published->kind, Event::Kind::kPublished);
    EXPECT_EQ(published->token, 77U);
    EXPECT_EQ(verdict_of(published->code), Verdict::kTaken);
    connection->disconnect(seconds(2));
    broker_.wait_for_log("Received DISCONNECT from gw-1");  // throws when it does not come
    broker_.stop();
    EXPECT_THAT(broker_.received(), Contains("dt/a/wm-1 {}"));
}

TEST_F(ConnectionTest, WhatOthersPublishArrivesOnceItIsSubscribedTo) {
    const auto connection = open();
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    ASSERT_TRUE(connection->subscribe(5, {.filter = "answers/#"}));
    const auto subscribed = events_.next();
    ASSERT_TRUE(subscribed);
    EXPECT_EQ(subscribed->kind, Event::Kind::kSubscribed);
    EXPECT_EQ(subscribed->token, 5U);
    EXPECT_EQ(verdict_of(subscribed->code), Verdict::kTaken);

    Events others;
    auto options = options_for(broker_, pki_, pki_.client("other"));
    options.client_id = "other";
    const auto other = Connection::open(options, others.post());
    ASSERT_TRUE(other);
    (*other)->connect();
    ASSERT_EQ(others.next_words(), "connected");
    ASSERT_TRUE((*other)->publish(1, {.topic = "answers/a", .payload = "yes", .content_type = ""}));
    EXPECT_EQ(events_.next_words(), "message: answers/a yes");
    EXPECT_EQ(connection->dropped_messages(), 0U);
}

// Whoever may publish to us must not be able to fill our memory.
TEST_F(ConnectionTest, MessagesThatAreTooLargeOrTooManyAreDroppedAndCounted) {
    const auto connection = open();
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    ASSERT_TRUE(connection->subscribe(1, {.filter = "flood"}));
    ASSERT_THAT(events_.next_words(), testing::StartsWith("subscribed"));
    const std::string large(Message::kMaxBytes, 'x');
    ASSERT_TRUE(connection->publish(1, {.topic = "flood", .payload = large, .content_type = ""}));
    ASSERT_THAT(events_.next_words(), testing::StartsWith("published"));
    EXPECT_EQ(connection->dropped_messages(), 1U);

    // Nobody reads: what is kept is the bound.
    std::vector<Event> unread;
    constexpr std::size_t kMany = Message::kMaxUnread + 40;
    for (std::size_t sent = 0; sent < kMany; ++sent) {
        ASSERT_TRUE(connection->publish(sent + 2, {.topic = "flood", .payload = "x", .content_type = ""}));
        std::optional<Event> event;
        do {
            event = events_.next();
            ASSERT_TRUE(event);
            unread.push_back(*event);
        } while (event->kind != Event::Kind::kPublished);
    }
    const auto messages = std::ranges::count(unread, Event::Kind::kMessage, &Event::kind);
    EXPECT_LE(messages, static_cast<std::ptrdiff_t>(Message::kMaxUnread));
    EXPECT_GT(messages, 0);
    EXPECT_GE(connection->dropped_messages(), 1U + 30U);

    // Once they are read, others come again.
    unread.clear();
    ASSERT_TRUE(connection->publish(9999, {.topic = "flood", .payload = "after", .content_type = ""}));
    std::string words = events_.next_words();
    while (!words.ends_with("after"))
        words = events_.next_words();
    EXPECT_EQ(words, "message: flood after");
}

TEST_F(ConnectionTest, TheBrokersReceiveMaximumIsTold) {
    broker_.stop();
    fakes::Mosquitto narrow({.certificate = pki_.server("narrow", "DNS:localhost"),
                             .root = pki_.root(),
                             .access_rules = {},
                             .further_lines = "max_inflight_messages 7\nmax_packet_size 4096\n",
                             .tls_1_2_only = false});
    const auto connection = open(options_for(narrow, pki_, client_));
    connection->connect();
    const auto connected = events_.next();
    ASSERT_TRUE(connected);
    ASSERT_EQ(connected->kind, Event::Kind::kConnected) << connected->error.text();
    EXPECT_EQ(connected->limits.receive_maximum, 7);
    EXPECT_EQ(connected->limits.maximum_packet_size, 4096U);
}

// paho passes an empty topic on; the broker puts in what the alias means.
TEST_F(ConnectionTest, AnAliasStandsForItsTopic) {
    broker_.subscribe("dt/#", pki_.client("reader"));
    const auto connection = open();
    connection->connect();
    const auto connected = events_.next();
    ASSERT_TRUE(connected);
    ASSERT_EQ(connected->kind, Event::Kind::kConnected) << connected->error.text();
    ASSERT_GE(connected->limits.topic_alias_maximum, 2);
    const std::array messages = {
        Publish{.topic = "dt/a", .payload = "1", .content_type = "text/plain", .topic_alias = 1},
        Publish{.topic = "dt/b", .payload = "2", .content_type = {}, .topic_alias = 2},
        Publish{.topic = "", .payload = "3", .content_type = "text/plain", .topic_alias = 1},
        Publish{.topic = "", .payload = "4", .content_type = {}, .topic_alias = 2},
        Publish{.topic = "dt/c", .payload = "5", .content_type = {}, .topic_alias = 1},
        Publish{.topic = "", .payload = "6", .content_type = {}, .topic_alias = 1}};
    for (std::size_t i = 0; i < messages.size(); ++i)
        ASSERT_TRUE(connection->publish(i + 1, messages[i]));
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const auto published = events_.next();
        ASSERT_TRUE(published);
        ASSERT_EQ(published->kind, Event::Kind::kPublished) << published->error.text();
        EXPECT_EQ(verdict_of(published->code), Verdict::kTaken);
    }
    connection->disconnect(seconds(2));
    broker_.wait_for_log("Received DISCONNECT from gw-1");  // throws when it does not come
    broker_.stop();
    EXPECT_THAT(broker_.received(),
                testing::ElementsAre("dt/a 1", "dt/b 2", "dt/a 3", "dt/b 4", "dt/c 5", "dt/c 6"));
}

TEST_F(ConnectionTest, ABrokerThatIsDownIsNamedAndServesTheNextAttemptWhenItIsUp) {
    broker_.stop();
    const auto connection = open();
    connection->connect();
    EXPECT_THAT(events_.next_words(), HasSubstr("Connection refused"));
    broker_.start();
    connection->connect();
    EXPECT_EQ(events_.next_words(), "connected");
}

// The broker dies with publishes unanswered: each token is either answered or left to be sent again, and
// exactly one kLost says so.
TEST_F(ConnectionTest, AfterALossEachUnansweredPublishCanBeSentAgain) {
    broker_.freeze();
    broker_.thaw();
    const auto connection = open();
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    broker_.freeze();
    std::set<std::uint64_t> unanswered;
    for (std::uint64_t token = 1; token <= 20; ++token) {
        ASSERT_TRUE(connection->publish(token, {.topic = "dt/x", .payload = "1", .content_type = ""}));
        unanswered.insert(token);
    }
    broker_.kill();
    const auto lost = events_.next();
    ASSERT_TRUE(lost);
    ASSERT_EQ(lost->kind, Event::Kind::kLost);
    EXPECT_FALSE(events_.next(milliseconds(50))) << "nothing may follow a loss";

    broker_.start();
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    for (const std::uint64_t token : unanswered) {
        ASSERT_TRUE(connection->publish(token, {.topic = "dt/x", .payload = "1", .content_type = ""}));
    }
    while (!unanswered.empty()) {
        const auto event = events_.next();
        ASSERT_TRUE(event);
        ASSERT_EQ(event->kind, Event::Kind::kPublished);
        EXPECT_EQ(unanswered.erase(event->token), 1U);
    }
}

// A link that has come to a stop with more in the window than all buffers on the way hold: nobody waits for
// it, not even the library's other connections, and when it goes on everything is answered soon.
TEST_F(ConnectionTest, AFullPipeHoldsNobodyUpAndGoesOnWhenTheBrokerReadsAgain) {
    constexpr std::uint64_t kPublishes = 60;
    const std::string much(300 * 1024, 'x');
    fakes::Mosquitto other_broker({.certificate = pki_.server("other", "DNS:localhost"),
                                   .root = pki_.root(),
                                   .access_rules = {},
                                   .further_lines = {},
                                   .tls_1_2_only = false});
    Events other_events;
    auto other = *Connection::open(options_for(other_broker, pki_, client_), other_events.post());
    other->connect();
    ASSERT_EQ(other_events.next_words(), "connected");
    const auto connection = open();
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");

    // Nothing of this would return while the broker is frozen if publish() waited for it.
    broker_.freeze();
    for (std::uint64_t token = 1; token <= kPublishes; ++token)
        ASSERT_TRUE(connection->publish(token, {.topic = "dt/x", .payload = much, .content_type = ""}));
    EXPECT_FALSE(events_.next(milliseconds(300))) << "a broker that is frozen answers nothing";
    for (std::uint64_t token = 1; token <= 5; ++token) {
        ASSERT_TRUE(other->publish(token, {.topic = "dt/y", .payload = "1", .content_type = ""}));
        EXPECT_THAT(other_events.next_words(), HasSubstr("published")) << "one connection waits for another";
    }
    broker_.thaw();
    std::set<std::uint64_t> answered;
    while (answered.size() < kPublishes) {
        const auto event = events_.next();
        ASSERT_TRUE(event) << answered.size() << " were answered";
        ASSERT_EQ(event->kind, Event::Kind::kPublished) << event->error.text();
        answered.insert(event->token);
    }
}

TEST_F(ConnectionTest, ATopicThatThePolicyForbidsIsRefusedByReasonCodeAndTheConnectionStays) {
    fakes::Mosquitto strict({.certificate = pki_.server("strict", "DNS:localhost"),
                             .root = pki_.root(),
                             .access_rules = "user gw-1\ntopic write dt/#\n",
                             .further_lines = {},
                             .tls_1_2_only = false});
    const auto connection = open(options_for(strict, pki_, client_));
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    ASSERT_TRUE(connection->publish(1, {.topic = "elsewhere", .payload = "1", .content_type = ""}));
    EXPECT_EQ(events_.next_words(), "published: not authorized (0x87)");
    ASSERT_TRUE(connection->publish(2, {.topic = "dt/x", .payload = "1", .content_type = ""}));
    const auto second = events_.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->token, 2U);
    EXPECT_EQ(verdict_of(second->code), Verdict::kTaken);
}

TEST_F(ConnectionTest, AConnectionThatAnotherClientTookOverSaysThatThisMayBe) {
    const auto connection = open();
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    Events others;
    auto other = Connection::open(options_for(broker_, pki_, client_), others.post());
    ASSERT_TRUE(other);
    (*other)->connect();
    ASSERT_EQ(others.next_words(), "connected");
    // This mosquitto closes without a DISCONNECT (brokers that send reason 0x8E are named outright).
    EXPECT_THAT(events_.next_words(), testing::AllOf(HasSubstr("lost: upstream aws"),
                                                     HasSubstr("no other client connects as gw-1")));
}

TEST_F(ConnectionTest, OneConnectionsEndLeavesTheOtherAlone) {
    ConnectionOptions second_options = options_for(broker_, pki_, client_);
    second_options.client_id = "gw-2";
    const auto first = open();
    first->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    for (int i = 0; i < 5; ++i) {
        Events others;
        auto second = Connection::open(second_options, others.post());
        ASSERT_TRUE(second);
        (*second)->connect();
        ASSERT_EQ(others.next_words(), "connected");
        second->reset();
        ASSERT_TRUE(first->publish(1, {.topic = "dt/x", .payload = "1", .content_type = ""}));
        EXPECT_EQ(events_.next()->kind, Event::Kind::kPublished);
    }
}

// A look at what an operator would see of a good handshake (promise P9).
TEST_F(ConnectionTest, TheTraceShowsEachStepOfAGoodAttempt) {
    const auto connection = open();
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    std::string text;
    for (const TraceStep& step : connection->trace().steps)
        text += to_words(step) + "\n";
    EXPECT_THAT(text, HasSubstr("resolving localhost"));
    EXPECT_THAT(text, HasSubstr("connected 127.0.0.1:"));
    EXPECT_THAT(text, HasSubstr("-> ClientHello"));
    EXPECT_THAT(text, HasSubstr("<- ServerHello"));
    EXPECT_GT(connection->trace().bytes_from_server, 500U);
}

}  // namespace
}  // namespace narrowgate::mqtt
