// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_broker.hpp"

#include <gtest/gtest.h>

#include <array>

#include "fakes/manual_clock.hpp"
#include "sim/aws_command.hpp"

namespace narrowgate::sim {
namespace {

using mqtt5::Reason;

const Bytes kPingreq{0xc0, 0};

Bytes packet(std::uint8_t head, const Bytes& body) {
    Bytes out{head};
    std::size_t size = body.size();
    do {
        out.push_back(static_cast<std::uint8_t>((size & 0x7f) | (size > 0x7f ? 0x80 : 0)));
        size >>= 7;
    } while (size != 0);
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

Bytes connect(std::string_view client, std::uint16_t keep_alive = 45) {
    Bytes body;
    ByteWriter writer(body);
    writer.append_prefixed(bytes_of("MQTT"), 2).u8(5).u8(2).u16(keep_alive).u8(0);
    writer.append_prefixed(bytes_of(client), 2);
    return packet(0x10, body);
}

struct Message {
    std::string topic = "dt/a";
    std::uint16_t id = 1;
    std::string payload = "{}";
    std::optional<std::uint16_t> alias = {};
    unsigned qos = 1;
};

Bytes publish(const Message& message) {
    Bytes body;
    ByteWriter writer(body);
    writer.append_prefixed(bytes_of(message.topic), 2);
    if (message.qos > 0) writer.u16(message.id);
    if (message.alias) {
        writer.u8(3).u8(0x23).u16(*message.alias);
    } else {
        writer.u8(0);
    }
    writer.append(bytes_of(message.payload));
    return packet(static_cast<std::uint8_t>(0x30 | (message.qos << 1)), body);
}

class AwsBrokerTest : public ::testing::Test {
protected:
    fakes::ManualClock clock_;
    std::vector<std::string> topics_;  // of what was taken
    std::vector<std::uint64_t> unanswered_;
    std::vector<std::pair<std::string, seconds>> asked_;  // keep-alives

    AwsBroker::Listener listener() {
        return {.connected = [this](const std::string& client,
                                    seconds keep_alive) { asked_.emplace_back(client, keep_alive); },
                .taken = [this](const AwsBroker::Taken& taken) { topics_.emplace_back(taken.topic); },
                .unanswered =
                    [this](const std::vector<std::uint64_t>& numbers) {
                        unanswered_.insert(unanswered_.end(), numbers.begin(), numbers.end());
                    }};
    }
    SteadyTime now() const { return clock_.now().steady; }
    void pass(milliseconds time) { clock_.advance(time); }

    // All that is due for this connection; a closed one ends in "closed".
    Bytes said(AwsBroker& broker, AwsBroker::ConnectionId id) {
        Bytes bytes;
        closed_ = false;
        while (const auto output = broker.take(now())) {
            if (output->to != id) continue;
            bytes.insert(bytes.end(), output->bytes.begin(), output->bytes.end());
            closed_ = closed_ || output->close;
        }
        return bytes;
    }
    Bytes answer(AwsBroker& broker, AwsBroker::ConnectionId id, const Bytes& bytes) {
        broker.received(id, bytes, clock_.now());
        return said(broker, id);
    }
    AwsBroker::ConnectionId welcome(AwsBroker& broker, std::string_view client = "gw-1") {
        const auto id = broker.opened(now());
        EXPECT_EQ(answer(broker, id, connect(client)).at(0), 0x20);
        return id;
    }
    bool closed_ = false;
};

TEST_F(AwsBrokerTest, TakesAPublishAndAnswersIt) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    EXPECT_EQ(asked_, (std::vector{std::pair{std::string("gw-1"), seconds(45)}}));
    EXPECT_EQ(answer(broker, id, publish({.id = 7})), mqtt5::write_puback(7, Reason::kSuccess));
    EXPECT_EQ(topics_, std::vector<std::string>{"dt/a"});
}

TEST_F(AwsBrokerTest, DiscardsWithoutAWordWhatIsAboveTheRate) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    for (std::uint16_t n = 1; n <= 105; ++n)
        answer(broker, id, publish({.id = n}));
    EXPECT_EQ(broker.counts().taken, 100U);
    EXPECT_EQ(broker.counts().discarded, 5U);
    EXPECT_FALSE(closed_);
    EXPECT_EQ(broker.counts().largest_second, 105);
    pass(milliseconds(100));
    for (std::uint16_t n = 1; n <= 11; ++n)
        answer(broker, id, publish({.id = n}));
    EXPECT_EQ(broker.counts().taken, 110U);
}

TEST_F(AwsBrokerTest, ReadsLateWhatIsAboveTheBytes) {
    AwsBroker broker({.bytes_per_second = 1000}, listener());
    const auto id = welcome(broker);
    answer(broker, id, publish({.payload = std::string(1500, 'a')}));
    EXPECT_EQ(broker.counts().taken, 1U);
    const auto late = broker.readable_at(id) - now();
    EXPECT_GT(late, milliseconds(500));
    EXPECT_LT(late, milliseconds(600));
    EXPECT_EQ(broker.deadline(), broker.readable_at(id));
}

TEST_F(AwsBrokerTest, EndsAConnectionWithMoreUnansweredThanItTakes) {
    AwsBroker broker({.receive_maximum = 3, .round_trip = milliseconds(600)}, listener());
    const auto id = broker.opened(now());
    broker.received(id, connect("gw-1"), clock_.now());
    pass(milliseconds(600));
    said(broker, id);
    for (std::uint16_t n = 1; n <= 4; ++n)
        broker.received(id, publish({.id = n}), clock_.now());
    pass(milliseconds(600));
    EXPECT_EQ(said(broker, id), mqtt5::write_disconnect(Reason::kReceiveMaximumExceeded));
    EXPECT_EQ(unanswered_, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(AwsBrokerTest, AnswersAfterARoundTripAndInOrder) {
    AwsBroker broker({.round_trip = milliseconds(600)}, listener());
    const auto id = broker.opened(now());
    broker.received(id, connect("gw-1"), clock_.now());
    pass(milliseconds(599));
    EXPECT_TRUE(said(broker, id).empty());
    pass(milliseconds(1));
    EXPECT_FALSE(said(broker, id).empty());
    broker.received(id, publish({.id = 1}), clock_.now());
    pass(milliseconds(10));
    broker.received(id, publish({.id = 2}), clock_.now());
    pass(milliseconds(600));
    Bytes both = mqtt5::write_puback(1, Reason::kSuccess);
    const Bytes second = mqtt5::write_puback(2, Reason::kSuccess);
    both.insert(both.end(), second.begin(), second.end());
    EXPECT_EQ(said(broker, id), both);
}

TEST_F(AwsBrokerTest, WaitsForNobodyWhoDoesNotWaitForItsConnack) {
    AwsBroker broker({.round_trip = milliseconds(600)}, listener());
    const auto id = broker.opened(now());
    broker.received(id, connect("gw-1"), clock_.now());
    broker.received(id, publish({}), clock_.now());
    EXPECT_EQ(broker.counts().early, 1U);
    EXPECT_TRUE(topics_.empty());
}

TEST_F(AwsBrokerTest, TakesOverASessionFromTheOlderConnection) {
    AwsBroker broker({}, listener());
    const auto old = welcome(broker);
    pass(seconds(1));
    const auto fresh = broker.opened(now());
    broker.received(fresh, connect("gw-1"), clock_.now());
    EXPECT_EQ(said(broker, old), mqtt5::write_disconnect(Reason::kSessionTakenOver));
    EXPECT_TRUE(closed_);
    EXPECT_EQ(broker.counts().taken_over, 1U);
}

TEST_F(AwsBrokerTest, RefusesASecondConnectWithinASecond) {
    AwsBroker broker({}, listener());
    broker.gone(welcome(broker));
    pass(milliseconds(999));
    const auto id = broker.opened(now());
    EXPECT_EQ(answer(broker, id, connect("gw-1")),
              mqtt5::write_connack({.reason = Reason::kQuotaExceeded, .server_keep_alive = {}}));
    EXPECT_TRUE(closed_);
    EXPECT_EQ(broker.counts().connects_too_fast, 1U);
    welcome(broker, "gw-2");  // another client is not meant
}

TEST_F(AwsBrokerTest, ClampsTheKeepAliveAndEndsAConnectionThatIsSilent) {
    AwsBroker broker({}, listener());
    const auto id = broker.opened(now());
    const Bytes connack = answer(broker, id, connect("gw-1", 5));
    EXPECT_EQ(Bytes(connack.end() - 3, connack.end()), (Bytes{0x13, 0, 30}));
    EXPECT_EQ(broker.deadline(), now() + seconds(45));
    pass(seconds(44));
    EXPECT_EQ(answer(broker, id, kPingreq), mqtt5::write_pingresp());
    pass(seconds(45));
    broker.turn(now());
    EXPECT_EQ(said(broker, id), mqtt5::write_disconnect(Reason::kKeepAliveTimeout));
}

TEST_F(AwsBrokerTest, LeavesAKeepAliveAloneThatItLikes) {
    AwsBroker broker({}, listener());
    const Bytes connack = answer(broker, broker.opened(now()), connect("gw-1", 45));
    EXPECT_NE(connack.at(connack.size() - 3), 0x13);
}

TEST_F(AwsBrokerTest, KnowsTopicsByTheirAliases) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    answer(broker, id, publish({.topic = "dt/a", .id = 1, .alias = 8}));
    answer(broker, id, publish({.topic = "", .id = 2, .alias = 8}));
    EXPECT_EQ(topics_, (std::vector<std::string>{"dt/a", "dt/a"}));
    EXPECT_EQ(broker.counts().aliased, 1U);
}

TEST_F(AwsBrokerTest, EndsAConnectionWithAnAliasThatIsNone) {
    for (const std::uint16_t alias : std::array<std::uint16_t, 3>{0, 3, 9}) {
        AwsBroker broker({}, listener());
        const auto id = welcome(broker);
        EXPECT_EQ(answer(broker, id, publish({.topic = "", .alias = alias})),
                  mqtt5::write_disconnect(Reason::kTopicAliasInvalid))
            << alias;
    }
}

TEST_F(AwsBrokerTest, RefusesByPolicyWithACodeOrWithoutAWord) {
    AwsBroker polite({.denied = {"dt/#"}}, listener());
    auto id = welcome(polite);
    EXPECT_EQ(answer(polite, id, publish({.id = 3})), mqtt5::write_puback(3, Reason::kNotAuthorized));
    EXPECT_FALSE(closed_);
    AwsBroker silent({.denied = {"dt/#"}, .silent = true}, listener());
    id = welcome(silent);
    EXPECT_TRUE(answer(silent, id, publish({})).empty());
    EXPECT_TRUE(closed_);
    EXPECT_EQ(silent.counts().closed, 1U);
    EXPECT_TRUE(topics_.empty());
}

TEST_F(AwsBrokerTest, AnswersWhatItsTopicsAndShadowsDoNotTake) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    EXPECT_EQ(answer(broker, id, publish({.topic = "1/2/3/4/5/6/7/8/9"})),
              mqtt5::write_puback(1, Reason::kTopicNameInvalid));
    const std::string shadow = "$aws/things/wm-1/shadow/update";
    EXPECT_EQ(answer(broker, id, publish({.topic = shadow, .payload = "{}"})),
              mqtt5::write_puback(1, Reason::kUnspecified));
    EXPECT_EQ(answer(broker, id, publish({.topic = shadow, .payload = R"({"state":{"reported":{}}})"})),
              mqtt5::write_puback(1, Reason::kSuccess));
    EXPECT_TRUE(answer(broker, id, publish({.topic = "$SYS/a"})).empty());
    EXPECT_TRUE(closed_);
}

TEST_F(AwsBrokerTest, EndsAConnectionThatAsksForQosTwo) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    EXPECT_EQ(answer(broker, id, publish({.qos = 2})), mqtt5::write_disconnect(Reason::kQosNotSupported));
}

TEST_F(AwsBrokerTest, EndsAConnectionWithAPacketThatIsTooLarge) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    EXPECT_EQ(answer(broker, id, publish({.payload = std::string(128 * 1024 + 1, 'a')})),
              mqtt5::write_disconnect(Reason::kPacketTooLarge));
}

TEST_F(AwsBrokerTest, EndsConnectionsWhenTheirTimeIsOver) {
    AwsBroker broker({.disconnect_every = seconds(10), .disconnect_reason = Reason::kServerShuttingDown},
                     listener());
    const auto id = welcome(broker);
    EXPECT_EQ(broker.deadline(), now() + seconds(10));
    pass(seconds(10));
    broker.turn(now());
    EXPECT_EQ(said(broker, id), mqtt5::write_disconnect(Reason::kServerShuttingDown));
    EXPECT_TRUE(closed_);
}

TEST_F(AwsBrokerTest, LosesTheAnswersOfWhatItTookOnCommand) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    EXPECT_EQ(obey("lose 2", broker, now()), false);
    EXPECT_TRUE(answer(broker, id, publish({.id = 1})).empty());
    EXPECT_FALSE(closed_);
    EXPECT_TRUE(answer(broker, id, publish({.id = 2})).empty());
    EXPECT_TRUE(closed_);
    EXPECT_EQ(broker.counts().taken, 2U);
    EXPECT_EQ(unanswered_, (std::vector<std::uint64_t>{1, 2}));
    // Whoever comes after is served.
    pass(seconds(1));
    EXPECT_FALSE(answer(broker, welcome(broker), publish({.id = 1})).empty());
}

TEST_F(AwsBrokerTest, RefusesForAWhileOnCommand) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    EXPECT_EQ(obey("refuse 0x97 2.5", broker, now()), false);
    EXPECT_EQ(answer(broker, id, publish({})), mqtt5::write_puback(1, Reason::kQuotaExceeded));
    pass(milliseconds(2500));
    EXPECT_EQ(answer(broker, id, publish({})), mqtt5::write_puback(1, Reason::kSuccess));
    EXPECT_EQ(broker.counts().answers.at(0x97), 1U);
}

TEST_F(AwsBrokerTest, RefusesOneConnectOnCommand) {
    AwsBroker broker({}, listener());
    EXPECT_EQ(obey("refuse-connect 0x94", broker, now()), false);
    const auto refused = broker.opened(now());
    EXPECT_EQ(answer(broker, refused, connect("gw-1")),
              mqtt5::write_connack({.reason = Reason::kTopicAliasInvalid, .server_keep_alive = {}}));
    EXPECT_TRUE(closed_);
    pass(seconds(1));
    welcome(broker);
    EXPECT_EQ(broker.counts().connections, 1U);
}

TEST_F(AwsBrokerTest, DisconnectsEverybodyOnCommand) {
    AwsBroker broker({}, listener());
    auto id = welcome(broker);
    EXPECT_EQ(obey("disconnect 0x98", broker, now()), false);
    EXPECT_EQ(said(broker, id), (Bytes{0xe0, 2, 0x98, 0}));
    pass(seconds(1));
    id = welcome(broker);
    EXPECT_EQ(obey("disconnect", broker, now()), false);
    EXPECT_EQ(said(broker, id), mqtt5::write_disconnect(Reason::kServerShuttingDown));
    pass(seconds(1));
    id = welcome(broker);
    EXPECT_EQ(obey("cut", broker, now()), false);
    EXPECT_TRUE(said(broker, id).empty());
    EXPECT_TRUE(closed_);
}

TEST_F(AwsBrokerTest, StallsOnCommand) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    broker.received(id, publish({}), clock_.now());
    EXPECT_EQ(obey("stall 5", broker, now()), false);
    EXPECT_TRUE(said(broker, id).empty());
    EXPECT_EQ(broker.readable_at(id), now() + seconds(5));
    pass(seconds(5));
    EXPECT_EQ(said(broker, id), mqtt5::write_puback(1, Reason::kSuccess));
}

TEST_F(AwsBrokerTest, ChangesItsPolicyOnCommandAndKnowsItsCommands) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    EXPECT_EQ(obey("deny dt/#", broker, now()), false);
    EXPECT_EQ(answer(broker, id, publish({})), mqtt5::write_puback(1, Reason::kNotAuthorized));
    EXPECT_EQ(obey("allow", broker, now()), false);
    EXPECT_EQ(answer(broker, id, publish({})), mqtt5::write_puback(1, Reason::kSuccess));
    EXPECT_EQ(obey("counts", broker, now()), true);
    for (const char* line :
         {"", "refuse", "refuse 0x97", "refuse 999 1", "refuse-connect", "lose", "deny", "explode"})
        EXPECT_FALSE(obey(line, broker, now())) << line;
}

TEST_F(AwsBrokerTest, MetersByFiveKilobytes) {
    AwsBroker broker({}, listener());
    const auto id = welcome(broker);
    answer(broker, id, publish({.topic = "a", .payload = std::string(5119, 'a')}));
    answer(broker, id, publish({.topic = "a", .payload = std::string(5120, 'a')}));
    EXPECT_EQ(broker.counts().metered_units, 3U);
}

}  // namespace
}  // namespace narrowgate::sim
