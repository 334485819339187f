// SPDX-License-Identifier: Apache-2.0
//
// Port 443, where AWS IoT Core takes MQTT from those alone who ask for it by its application protocol (RFC
// 7301): in a network of the test's own, where that port is free.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "events.hpp"
#include "fakes/aws.hpp"
#include "fakes/private_network.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint16_t kHttpsPort = 443;

class AlpnNetworkTest : public testing::Test {
protected:
    void SetUp() override {
        const std::string missing = fakes::enter_private_network(directory_.path(), {});
        if (!missing.empty()) GTEST_SKIP() << "needs root or user namespaces, and ip(8): " << missing;
        broker_.emplace(fakes::Aws::Options{.certificate = pki_.server("broker", "DNS:localhost"),
                                            .root = pki_.root(),
                                            .flags = {"--require-alpn"},
                                            .port = kHttpsPort});
    }

    // Of one attempt that asks for these protocols.
    std::string words_of_an_attempt(std::vector<std::string> protocols) {
        ConnectionOptions options = options_for("mqtts://localhost:443", pki_, client_);
        options.alpn = std::move(protocols);
        auto connection = Connection::open(options, events_.post());
        if (!connection) return connection.error().text();
        (*connection)->connect();
        const std::string words = events_.next_words();
        trace_ = (*connection)->trace();
        traces_ = (*connection)->traces();
        return words;
    }
    std::optional<std::string> protocol_chosen() const {
        for (const TraceStep& step : trace_.steps)
            if (step.kind == TraceStep::Kind::kAlpn) return step.detail;
        return std::nullopt;
    }

    fakes::TemporaryDirectory directory_;
    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    std::optional<fakes::Aws> broker_;
    Events events_;
    ConnectionTrace trace_;
    Traces traces_;
};

TEST_F(AlpnNetworkTest, TheProtocolThatAwsWantsIsAgreedOnAndTheConnectionStands) {
    EXPECT_EQ(words_of_an_attempt({"x-amzn-mqtt-ca"}), "connected");
    EXPECT_EQ(protocol_chosen(), "x-amzn-mqtt-ca");
    EXPECT_EQ(broker_->counts().at("connections"), 1);
}

TEST_F(AlpnNetworkTest, WithoutItTheRefusalNamesAlpnAndWhatToSet) {
    EXPECT_THAT(words_of_an_attempt({}),
                AllOf(HasSubstr("failed: "), HasSubstr("no application protocol (ALPN) was asked for"),
                      HasSubstr("x-amzn-mqtt-ca"), HasSubstr("8883")));
    EXPECT_EQ(protocol_chosen(), std::nullopt);
    ASSERT_TRUE(traces_.last_bad);
    EXPECT_EQ(traces_.last_bad->diagnosis.finding, Finding::kAlpnMissing);
    EXPECT_EQ(broker_->counts().at("connections"), 0);
}

TEST_F(AlpnNetworkTest, AProtocolThatTheBrokerDoesNotKnowIsNamed) {
    EXPECT_THAT(words_of_an_attempt({"mqtt"}),
                AllOf(HasSubstr("does not take the application protocol \"mqtt\""), HasSubstr("8883")));
    EXPECT_EQ(broker_->counts().at("connections"), 0);
}

}  // namespace
}  // namespace narrowgate::mqtt
