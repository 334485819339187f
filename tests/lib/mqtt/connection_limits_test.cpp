// SPDX-License-Identifier: Apache-2.0
//
// What a real mosquitto offers too little of, or wants otherwise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "events.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ConnectionLimitsTest : public testing::Test {
protected:
    fakes::Mosquitto broker(const std::string& further_lines) {
        return fakes::Mosquitto({.certificate = pki_.server("broker", "DNS:localhost"),
                                 .root = pki_.root(),
                                 .access_rules = {},
                                 .further_lines = further_lines,
                                 .tls_1_2_only = false});
    }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    Events events_;
};

// Promise P1 could not hold: nobody would know what arrived.
TEST_F(ConnectionLimitsTest, ABrokerThatTakesQosZeroAloneIsRefused) {
    const auto narrow = broker("max_qos 0\n");
    auto connection = Connection::open(options_for(narrow, pki_, client_), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    const auto event = events_.next();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, Event::Kind::kConnectFailed);
    EXPECT_EQ(event->code, ReasonCode::kQosNotSupported);
    EXPECT_THAT(event->error.text(), AllOf(HasSubstr("QoS not supported (0x9B)"), HasSubstr("takes QoS 1")));
}

TEST_F(ConnectionLimitsTest, TheBrokersKeepAliveIsTold) {
    const auto impatient = broker("max_keepalive 20\n");
    auto connection = Connection::open(options_for(impatient, pki_, client_), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    const auto event = events_.next();
    ASSERT_TRUE(event);
    ASSERT_EQ(event->kind, Event::Kind::kConnected) << event->error.text();
    EXPECT_EQ(event->limits.keep_alive, seconds(20));
}

// The broker knows the root, and not the authority between it and us.
TEST_F(ConnectionLimitsTest, AChainThatIsIncompleteIsToldToBeWhatMayBeMissing) {
    const fakes::KeyPair middle = pki_.intermediate("middle");
    const fakes::KeyPair leaf = pki_.issue({.file_name = "leaf", .common_name = "gw-1", .issuer = &middle});
    const auto strict = broker("");
    auto connection = Connection::open(options_for(strict, pki_, leaf), events_.post());
    ASSERT_TRUE(connection);
    (*connection)->connect();
    EXPECT_THAT(events_.next_words(), AllOf(HasSubstr("does not know the authority"),
                                            HasSubstr("belong into certificate_file too")));
    std::ofstream(leaf.certificate, std::ios::app) << std::ifstream(middle.certificate).rdbuf();
    (*connection)->connect();
    EXPECT_EQ(events_.next_words(), "connected");
}

}  // namespace
}  // namespace narrowgate::mqtt
