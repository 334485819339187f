// SPDX-License-Identifier: Apache-2.0
//
// What is seen of real handshakes with a real mosquitto (promise P9), inside TLS too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "events.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::HasSubstr;
using Kind = TraceStep::Kind;

class TraceTest : public testing::Test {
protected:
    std::unique_ptr<Connection> open(const ConnectionOptions& options) {
        auto connection = Connection::open(options, events_.post());
        EXPECT_TRUE(connection.has_value());
        return std::move(*connection);
    }
    fakes::Mosquitto broker(bool tls_1_2_only, const std::string& names = "DNS:localhost") {
        return fakes::Mosquitto({.certificate = pki_.server("broker", names),
                                 .root = pki_.root(),
                                 .access_rules = "user gw-1\ntopic write dt/#\n",
                                 .further_lines = "max_inflight_messages 7\n",
                                 .tls_1_2_only = tls_1_2_only});
    }
    // The steps in words, each with its running count of bytes checked.
    static std::string text_of(const ConnectionTrace& trace) {
        std::string text;
        for (const TraceStep& step : trace.steps)
            text += to_words(step) + "\n";
        return text;
    }
    static const TraceStep* find(const ConnectionTrace& trace, Kind kind) {
        const auto found = std::ranges::find(trace.steps, kind, &TraceStep::kind);
        return found == trace.steps.end() ? nullptr : &*found;
    }
    // Of a connection that was made and had one publish answered.
    ConnectionTrace trace_of_a_good_attempt(const fakes::Mosquitto& broker) {
        const auto connection = open(options_for(broker, pki_, client_));
        connection->connect();
        EXPECT_EQ(events_.next_words(), "connected");
        EXPECT_TRUE(connection->publish(1, {.topic = "dt/x", .payload = "1", .content_type = ""}));
        EXPECT_THAT(events_.next_words(), HasSubstr("published"));
        const auto good = connection->traces().last_good;
        EXPECT_TRUE(good.has_value());
        if (!good) return {};
        EXPECT_EQ(good->diagnosis.finding, Finding::kOk);
        EXPECT_FALSE(connection->traces().last_bad.has_value());
        return good->trace;
    }
    // What all good attempts have, whatever the version of TLS.
    static void expect_every_step(const ConnectionTrace& trace) {
        const std::string text = text_of(trace);
        EXPECT_THAT(text, HasSubstr("resolving localhost"));
        EXPECT_THAT(text, HasSubstr("MSS "));
        EXPECT_THAT(text, HasSubstr("-> ClientHello"));
        EXPECT_THAT(text, HasSubstr("<- ServerHello"));
        EXPECT_THAT(text, HasSubstr("broker's certificate 1 of 2: CN=broker"));
        EXPECT_THAT(text, HasSubstr("issued by CN=Throw-away root, valid from "));
        EXPECT_THAT(text, HasSubstr("for localhost"));
        EXPECT_THAT(text, HasSubstr("TLS has read CertificateRequest"));
        EXPECT_THAT(text, HasSubstr("our certificate: sent: CN=gw-1"));
        EXPECT_THAT(text, HasSubstr("TLS has written CertificateVerify"));
        EXPECT_THAT(text, HasSubstr("chain: leads to a root in ca_file"));
        EXPECT_THAT(text, HasSubstr("host name: the certificate is for localhost"));
        EXPECT_THAT(text, HasSubstr("-> MQTT CONNECT"));
        EXPECT_THAT(text, HasSubstr("<- MQTT CONNACK: accepted; receive maximum 7, topic aliases 10"));
        EXPECT_THAT(text, HasSubstr("-> MQTT PUBLISH dt/x, 1 bytes of payload"));
        EXPECT_THAT(text, HasSubstr("<- MQTT PUBACK: "));
        for (std::size_t i = 1; i < trace.steps.size(); ++i) {
            EXPECT_GE(trace.steps[i].at, trace.steps[i - 1].at);
            EXPECT_GE(trace.steps[i].bytes_to_server, trace.steps[i - 1].bytes_to_server);
            EXPECT_GE(trace.steps[i].bytes_from_server, trace.steps[i - 1].bytes_from_server);
        }
        const TraceStep* puback = find(trace, Kind::kPuback);
        ASSERT_NE(puback, nullptr) << text;
        EXPECT_GT(puback->bytes_from_server, 500U);
        EXPECT_LE(trace.steps.size(), ConnectionTrace::kMaxSteps);
    }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    Events events_;
};

TEST_F(TraceTest, ATls13HandshakeIsSeenInTheClearWithItsChainAndOurCertificate) {
    const auto modern = broker(false);
    const ConnectionTrace trace = trace_of_a_good_attempt(modern);
    expect_every_step(trace);
    EXPECT_THAT(text_of(trace), HasSubstr("TLS: TLSv1.3, TLS_"));
    EXPECT_THAT(text_of(trace), HasSubstr("TLS has read EncryptedExtensions"));
}

TEST_F(TraceTest, ATls12HandshakeLikewise) {
    const auto old = broker(true);
    const ConnectionTrace trace = trace_of_a_good_attempt(old);
    expect_every_step(trace);
    EXPECT_THAT(text_of(trace), HasSubstr("TLS: TLSv1.2, ECDHE-ECDSA-"));
    EXPECT_THAT(text_of(trace), HasSubstr("<- ServerHelloDone"));
}

TEST_F(TraceTest, TheLastGoodAndTheLastBadAttemptAreKept) {
    auto modern = broker(false);
    const auto connection = open(options_for(modern, pki_, client_));
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    modern.stop();
    EXPECT_THAT(events_.next_words(), HasSubstr("lost"));
    connection->connect();
    EXPECT_THAT(events_.next_words(), HasSubstr("Connection refused"));
    const Traces traces = connection->traces();
    ASSERT_TRUE(traces.last_good && traces.last_bad);
    EXPECT_EQ(traces.last_good->diagnosis.finding, Finding::kOk);
    EXPECT_NE(find(traces.last_good->trace, Kind::kConnack), nullptr);
    EXPECT_EQ(traces.last_bad->diagnosis.finding, Finding::kRefused);
    EXPECT_EQ(find(traces.last_bad->trace, Kind::kConnack), nullptr);
    EXPECT_NE(find(traces.present, Kind::kConnectFailed), nullptr);
}

TEST_F(TraceTest, APublishThatThePolicyForbidsIsTheLastBad) {
    const auto modern = broker(false);
    const auto connection = open(options_for(modern, pki_, client_));
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    ASSERT_TRUE(connection->publish(1, {.topic = "elsewhere", .payload = "1", .content_type = ""}));
    EXPECT_THAT(events_.next_words(), HasSubstr("0x87"));
    const Traces traces = connection->traces();
    ASSERT_TRUE(traces.last_bad);
    EXPECT_EQ(traces.last_bad->diagnosis.finding, Finding::kPublishRefused);
    EXPECT_THAT(text_of(traces.last_bad->trace), HasSubstr("PUBACK: not authorized (0x87)"));
}

// Each refusal of a real broker, or of ours, has its finding; the words are those of the refusal tests.
TEST_F(TraceTest, RealRefusalsHaveTheirFindings) {
    const auto finding_of = [&](const fakes::Mosquitto& broker, const ConnectionOptions& options) {
        const auto connection = open(options);
        connection->connect();
        EXPECT_THAT(events_.next_words(), HasSubstr("failed: ")) << broker.url();
        const auto bad = connection->traces().last_bad;
        EXPECT_TRUE(bad.has_value());
        return bad ? name_of(bad->diagnosis.finding) : "none";
    };
    fakes::Pki other("Somebody else");
    const auto good = broker(false);
    const auto elsewhere = broker(false, "DNS:elsewhere.example");

    ConnectionOptions options = options_for(good, pki_, client_);
    options.ca_file = other.root();
    EXPECT_EQ(finding_of(good, options), "unknown-root");
    EXPECT_EQ(finding_of(elsewhere, options_for(elsewhere, pki_, client_)), "wrong-host");
    EXPECT_EQ(finding_of(good, options_for(good, pki_, other.client("gw-1"))), "client-certificate-refused");
    const auto old = broker(true);
    EXPECT_EQ(finding_of(old, options_for(old, pki_, other.client("gw-2"))), "client-certificate-refused");
    fakes::Mosquitto expired({.certificate = pki_.expired_server("expired", "DNS:localhost"),
                              .root = pki_.root(),
                              .access_rules = {},
                              .further_lines = {},
                              .tls_1_2_only = false});
    EXPECT_EQ(finding_of(expired, options_for(expired, pki_, client_)), "expired");
    fakes::Mosquitto strict({.certificate = pki_.server("strict", "DNS:localhost"),
                             .root = pki_.root(),
                             .access_rules = {},
                             .further_lines = "clientid_prefixes known-\n",
                             .tls_1_2_only = false});
    EXPECT_EQ(finding_of(strict, options_for(strict, pki_, client_)), "connack-refused");
    options = options_for(good, pki_, client_);
    options.key_file = "/nowhere/gw-1.key";
    EXPECT_EQ(finding_of(good, options), "files");
}

TEST_F(TraceTest, OneThatTakesTheClientIdOverIsSuspected) {
    const auto modern = broker(false);
    const auto connection = open(options_for(modern, pki_, client_));
    connection->connect();
    ASSERT_EQ(events_.next_words(), "connected");
    Events others;
    auto other = Connection::open(options_for(modern, pki_, client_), others.post());
    ASSERT_TRUE(other);
    (*other)->connect();
    ASSERT_EQ(others.next_words(), "connected");
    EXPECT_THAT(events_.next_words(), HasSubstr("no other client connects as gw-1"));
    ASSERT_TRUE(connection->traces().last_bad);
    EXPECT_EQ(connection->traces().last_bad->diagnosis.finding, Finding::kDuplicateClientId);
}

}  // namespace
}  // namespace narrowgate::mqtt
