// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_texts.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;

TEST(ConfigTest, WhatIsLeftOutHasTheRoomsDefaults) {
    const auto config = parse_texts(std::string(kGatewayText), std::string(kFleetText));
    ASSERT_TRUE(config) << config.error().front().text();
    EXPECT_EQ(config->dtls.session_lifetime, dtls::Options{}.session_lifetime);
    EXPECT_EQ(config->store.max_age, store::Options{}.max_age);
    EXPECT_EQ(config->upstreams.at(0).connection.keep_alive, mqtt::ConnectionOptions{}.keep_alive);
    EXPECT_EQ(config->fleets.at(0).no_content_format, payload::kOctetStream);
}

TEST(ConfigTest, EveryOptionOfTheRoomsCanBeReached) {
    std::string gateway(kGatewayText);
    gateway = replaced(gateway, "mtu = 512", R"(mtu = 300
session_lifetime = "10d"
cid_bytes = 8
node = 3
max_handshakes = 7
displace_after = "5s"
lease_block = 128
repeat_answer_interval = "4s")");
    gateway = replaced(gateway, "max_size = \"1GiB\"", R"(max_size = "64MiB"
max_age = "2d"
retry_after = "30s"
ballast_size = "1MiB"
max_reply_size = "2MiB"
max_dead_letters = 5
queue_units = 1000
commit_units = 100)");
    gateway = replaced(gateway, "\"reject\"", "\"drop-oldest\"");
    gateway += "keep_alive = \"30s\"\nconnect_timeout = \"20s\"\nwindow = 9\nmax_backlog = \"5MiB\"\n";
    const auto config =
        parse_texts(gateway, replaced(kFleetText, "max_payload = \"16KiB\"", R"(max_payload = 100
max_readings_per_minute = 6
no_content_format = "senml-cbor"
split_uri_path = true
ack_timeout = "10s"
ack_random_factor = 2
max_retransmit = 3
max_latency = "50s")"));
    ASSERT_TRUE(config) << config.error().front().text();

    EXPECT_EQ(config->dtls.mtu, 300U);
    EXPECT_EQ(config->dtls.session_lifetime, std::chrono::days(10));
    EXPECT_EQ(config->dtls.cid_bytes, 8U);
    EXPECT_EQ(config->dtls.node, 3U);
    EXPECT_EQ(config->dtls.max_handshakes, 7U);
    EXPECT_EQ(config->dtls.displace_after, 5s);
    EXPECT_EQ(config->dtls.lease_block, 128U);
    EXPECT_EQ(config->dtls.repeat_answer_interval, 4s);
    EXPECT_EQ(config->store.max_size, 64U << 20);
    EXPECT_EQ(config->store.max_age, std::chrono::days(2));
    EXPECT_EQ(config->store.when_full, store::WhenFull::kDropOldest);
    EXPECT_EQ(config->store.retry_after, 30s);
    EXPECT_EQ(config->store.ballast_bytes, 1U << 20);
    EXPECT_EQ(config->store.max_reply_bytes, 2U << 20);
    EXPECT_EQ(config->store.max_dead_letters, 5U);
    EXPECT_EQ(config->store.queue_units, 1000U);
    EXPECT_EQ(config->store.commit_units, 100U);
    const UpstreamConfig& upstream = config->upstreams.at(0);
    EXPECT_EQ(upstream.connection.keep_alive, 30s);
    EXPECT_EQ(upstream.connection.connect_timeout, 20s);
    EXPECT_EQ(upstream.connection.window, 9U);
    EXPECT_EQ(upstream.backlog.max_backlog, 5U << 20);
    const Fleet& fleet = config->fleets.at(0);
    EXPECT_EQ(fleet.max_payload, 100U);
    EXPECT_EQ(fleet.max_readings_per_minute, 6U);
    EXPECT_EQ(fleet.no_content_format, payload::kSenmlCbor);
    EXPECT_TRUE(fleet.messages.split_uri_path);
    EXPECT_EQ(fleet.messages.transmission.ack_timeout, 10s);
    EXPECT_DOUBLE_EQ(fleet.messages.transmission.ack_random_factor, 2.0);
    EXPECT_EQ(fleet.messages.transmission.max_retransmit, 3U);
    EXPECT_EQ(fleet.messages.transmission.max_latency, 50s);
}

TEST(ConfigTest, AMessageHoldsSeveralBatchesWhereTheyAreMetered) {
    const auto with = [](std::string_view lines) {
        return parse_texts(replaced(kGatewayText, "name = \"aws\"", "name = \"aws\"\n" + std::string(lines)),
                           std::string(kFleetText));
    };
    EXPECT_EQ(with("batch_size = \"4KiB\"")->upstreams[0].largest_batch_bytes, 4096U);
    const std::string aws = "profile = \"aws-iot\"\n";
    EXPECT_EQ(with(aws)->upstreams[0].largest_batch_bytes, 12U * 5 * 1024);
    EXPECT_EQ(with(aws + "batch_size = 0")->upstreams[0].largest_batch_bytes, 0U);
    EXPECT_EQ(with(aws + "batch_size = \"100KiB\"")->upstreams[0].largest_batch_bytes, 128U * 1024);
    EXPECT_EQ(with(aws + "largest_batch = \"10KiB\"")->upstreams[0].largest_batch_bytes, 10U * 1024);
    const auto small = with(aws + "largest_batch = \"4KiB\"");
    ASSERT_FALSE(small);
    EXPECT_THAT(small.error()[0].text(), testing::HasSubstr("is smaller than batch_size"));
}

TEST(ConfigTest, AFleetSaysWhenAReportIsMissingAndWhatBytesCost) {
    const auto plain = parse_texts(std::string(kGatewayText), std::string(kFleetText));
    ASSERT_TRUE(plain);
    EXPECT_FALSE(plain->fleets[0].reports_expected);
    EXPECT_FALSE(plain->fleets[0].tariff);
    const auto config = parse_texts(
        std::string(kGatewayText),
        replaced(kFleetText, "[[route]]",
                 "report_interval = \"5m\"\nmissed_reports = 2\n\n[tariff]\nincluded = \"500 KB\"\n"
                 "price_per_mb = 0.4\ncurrency = \"CHF\"\noverhead = 48\nunit = \"1 KB\"\n\n[[route]]"));
    ASSERT_TRUE(config) << config.error().front().text();
    const Fleet& fleet = config->fleets[0];
    EXPECT_TRUE(fleet.reports_expected);
    EXPECT_EQ(fleet.report_interval, std::chrono::minutes(5));
    EXPECT_EQ(fleet.missed_reports, 2U);
    EXPECT_EQ(
        fleet.tariff,
        (Tariff{.included = 500'000, .price_per_mb = 0.4, .currency = "CHF", .overhead = 48, .unit = 1'000}));
}

TEST(ConfigTest, ARouteToAwsIsATopicARuleOrAShadow) {
    const auto gateway =
        replaced(kGatewayText, "name = \"aws\"",
                 "name = \"aws\"\nprofile = \"aws-iot\"\ncompression = \"gzip\"\npublishes_per_second = 0");
    const auto config = parse_texts(gateway, std::string(kFleetText) + R"(
[[route]]
resource = "a"
upstream = "aws"
rule = "nbiot"
topic = "dt/{fleet}"
[[route]]
resource = "b"
upstream = "aws"
rule = "nbiot"
[[route]]
resource = "c"
upstream = "aws"
shadow = "classic"
[[route]]
resource = "d"
upstream = "aws"
shadow = "meter"
thing = "{fleet}-{device}"
)");
    ASSERT_TRUE(config) << config.error().front().text();
    EXPECT_EQ(config->upstreams.at(0).compression, Compression::kGzip);
    const auto& routes = config->fleets.at(0).routes;
    EXPECT_EQ(routes.at(0).topic, "dt/{fleet}/{device}/{resource}");
    EXPECT_EQ(routes.at(1).topic, "$aws/rules/nbiot/dt/{fleet}");
    EXPECT_EQ(routes.at(2).topic, "$aws/rules/nbiot");
    EXPECT_EQ(routes.at(3).topic, "$aws/things/{device}/shadow/update");
    EXPECT_EQ(routes.at(4).topic, "$aws/things/{fleet}-{device}/shadow/name/meter/update");
    EXPECT_TRUE(routes.at(1).shadow.empty());
    EXPECT_EQ(routes.at(4).shadow, "meter");
    // The first route's batches are a device's, and AWS drops what comes faster; shadows warn of nothing.
    ASSERT_EQ(config->warnings.size(), 2U);
    EXPECT_EQ(config->warnings[0].file, "gateway.toml");
    EXPECT_NE(config->warnings[0].what.find("no limit: AWS IoT Core drops what is above 100"),
              std::string::npos);
    EXPECT_EQ(config->warnings[1].line, 8U);
}

// The warnings' texts for this key at the upstream and topic at the route.
std::vector<std::string> warnings_of(std::string_view keys, std::string_view topic = "dt/{fleet}") {
    const auto config = parse_texts(replaced(kGatewayText, "client_id", std::string(keys) + "\nclient_id"),
                                    replaced(kFleetText, "dt/{fleet}/{device}/{resource}", topic));
    if (!config) return {config.error().front().text()};
    std::vector<std::string> texts;
    for (const Mistake& warning : config->warnings)
        texts.push_back(warning.text());
    return texts;
}

TEST(ConfigTest, ARateThatAwsDoesNotTakeIsAWarningAtItsKey) {
    using ::testing::ElementsAre;
    using ::testing::HasSubstr;
    using ::testing::IsEmpty;
    const auto of = [](const std::string& keys) { return warnings_of("profile = \"aws-iot\"\n" + keys); };
    EXPECT_THAT(of(""), IsEmpty());
    EXPECT_THAT(of("publishes_per_second = 100\nbytes_per_second = \"512KiB\""), IsEmpty());
    EXPECT_THAT(
        of("publishes_per_second = 101"),
        ElementsAre(HasSubstr(
            "gateway.toml:20:24: publishes_per_second is too much: AWS IoT Core drops what is above 100")));
    EXPECT_THAT(of("publishes_per_second = 0"), ElementsAre(HasSubstr("is no limit")));
    EXPECT_THAT(of("bytes_per_second = 524289"),
                ElementsAre(HasSubstr("gateway.toml:20:20: bytes_per_second is too much: AWS IoT Core slows "
                                      "down what is above 512 KiB")));
    EXPECT_THAT(of("bytes_per_second = 0"), ElementsAre(HasSubstr("is no limit")));
    EXPECT_THAT(of("publishes_per_second = 500\nbytes_per_second = \"1MiB\""),
                ElementsAre(HasSubstr("gateway.toml:20"), HasSubstr("gateway.toml:21")));
    EXPECT_THAT(warnings_of("publishes_per_second = 0"), IsEmpty()) << "another's broker has its own";
}

TEST(ConfigTest, ATopicWithTheDeviceIsAWarningWhereBatchesWereMeant) {
    using ::testing::ElementsAre;
    using ::testing::HasSubstr;
    using ::testing::IsEmpty;
    constexpr std::string_view kAlone = "dt/{device}";
    EXPECT_THAT(
        warnings_of("profile = \"aws-iot\"", kAlone),
        ElementsAre(HasSubstr("fleet.toml:8:9: the topic has {device}, so that no batch of \"aws\" holds")));
    EXPECT_THAT(warnings_of("batch_size = \"2KiB\"", kAlone), ElementsAre(HasSubstr("has {device}")));
    EXPECT_THAT(warnings_of("profile = \"aws-iot\"\nbatch_size = 0", kAlone), IsEmpty());
    EXPECT_THAT(warnings_of("", kAlone), IsEmpty()) << "a message a reading is what \"mqtt\" does";
}

TEST(ConfigTest, PathsStartAtTheFileThatNamesThem) {
    const auto config = parse_config({.file = "/etc/narrowgate/narrowgate.toml",
                                      .text = replaced(kGatewayText, "\"tls/gw.key\"", "\"/secret/gw.key\"")},
                                     {});
    ASSERT_TRUE(config) << config.error().front().text();
    EXPECT_EQ(config->gateway.state_directory, "/etc/narrowgate/state");
    EXPECT_EQ(config->store.directory, "/etc/narrowgate/state");
    EXPECT_EQ(config->gateway.control_socket(), "/etc/narrowgate/run/control.sock");
    EXPECT_EQ(config->gateway.fleets_directory, "/etc/narrowgate/fleets.d");
    EXPECT_EQ(config->upstreams.at(0).connection.ca_file, "/etc/narrowgate/tls/ca.pem");
    EXPECT_EQ(config->upstreams.at(0).connection.key_file, "/secret/gw.key");
}

TEST(ConfigTest, FleetsAndUpstreamsAreFoundByName) {
    const auto config = parse_texts(std::string(kGatewayText), std::string(kFleetText));
    ASSERT_TRUE(config);
    EXPECT_EQ(config->fleet("water-meters"), &config->fleets.at(0));
    EXPECT_EQ(config->fleet("gas-meters"), nullptr);
    EXPECT_EQ(config->upstream("aws"), &config->upstreams.at(0));
    EXPECT_EQ(config->upstream("azure"), nullptr);
}

}  // namespace
}  // namespace narrowgate::daemon
