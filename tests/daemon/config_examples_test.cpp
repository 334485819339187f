// SPDX-License-Identifier: Apache-2.0
//
// The files of etc/ work as they are, and the documentation lists exactly the keys that are read.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "daemon/config.hpp"
#include "daemon/config_texts.hpp"
#include "daemon/text_files.hpp"

namespace narrowgate::daemon {
namespace {

const std::filesystem::path kSource = NARROWGATE_SOURCE_DIRECTORY;

std::expected<Config, Mistakes> load_examples(bool with_comments_taken_out) {
    const auto read = [&](const char* name) {
        std::string text = read_text_file(kSource / "etc" / name);
        // "# key = value" is an optional key with its default.
        if (with_comments_taken_out)
            text = std::regex_replace(text, std::regex("(^|\n)# ([a-z_]+ = )"), "$1$2");
        return text;
    };
    const std::array fleets = {
        ConfigText{.file = "fleets.d/water-meters.toml", .text = read("fleets.d/water-meters.toml")}};
    return parse_config({.file = "narrowgate.toml", .text = read("narrowgate.toml")}, fleets);
}

TEST(ConfigExamplesTest, TheExamplesHaveNoMistake) {
    const auto config = load_examples(false);
    ASSERT_TRUE(config) << config.error().front().text();
    EXPECT_EQ(config->gateway.name, "gw-1");
    ASSERT_EQ(config->listen.size(), 1U);
    EXPECT_EQ(config->listen[0].text(), "[::]:5684");
    EXPECT_EQ(config->dtls.handshake_timeout_min, std::chrono::seconds(9));
    EXPECT_EQ(config->store.max_size, std::uint64_t{1} << 30);
    EXPECT_EQ(config->store.max_age, std::chrono::days(14));
    ASSERT_EQ(config->upstreams.size(), 2U);
    EXPECT_EQ(config->upstreams[1].connection.name, "pelion");
    EXPECT_EQ(config->upstreams[1].connection.url, "mqtts://edge.example:8883");
    ASSERT_EQ(config->fleets.size(), 1U);
    EXPECT_EQ(config->fleets[0].max_payload, 16U * 1024);
    ASSERT_EQ(config->fleets[0].routes.size(), 2U);
    EXPECT_EQ(config->upstreams[1].profile, ProfileKind::kPelionEdge);
    EXPECT_EQ(config->fleets[0].routes[1].upstream, "pelion");
    ASSERT_EQ(config->fleets[0].maps.size(), 1U);
    EXPECT_EQ(to_text(config->fleets[0].maps[0].path), "/3424/0/1");
    EXPECT_TRUE(config->fleets[0].routes[0].resource.is_exact());
}

// A key that is shown behind a '#' must be a key, and what stands there must be its default.
TEST(ConfigExamplesTest, TheKeysInCommentsAreTheDefaults) {
    const auto plain = load_examples(false);
    const auto full = load_examples(true);
    ASSERT_TRUE(plain);
    ASSERT_TRUE(full) << full.error().front().text();
    const Fleet& with = full->fleets.at(0);
    const Fleet& without = plain->fleets.at(0);
    EXPECT_EQ(with.max_readings_per_minute, without.max_readings_per_minute);
    EXPECT_EQ(with.no_content_format, without.no_content_format);
    EXPECT_EQ(with.messages.split_uri_path, without.messages.split_uri_path);
    EXPECT_EQ(with.messages.transmission.ack_timeout, without.messages.transmission.ack_timeout);
    EXPECT_EQ(with.messages.transmission.max_retransmit, without.messages.transmission.max_retransmit);
    EXPECT_EQ(with.report_interval, without.report_interval);
    EXPECT_EQ(with.missed_reports, without.missed_reports);
    EXPECT_EQ(full->upstreams.at(0).connections, plain->upstreams.at(0).connections);
    EXPECT_EQ(full->upstreams.at(0).pace, plain->upstreams.at(0).pace);
    EXPECT_EQ(full->upstreams.at(0).batch_bytes, plain->upstreams.at(0).batch_bytes);
    EXPECT_EQ(full->upstreams.at(0).compression, plain->upstreams.at(0).compression);
    EXPECT_EQ(full->upstreams.at(0).batch_delay, plain->upstreams.at(0).batch_delay);
    EXPECT_EQ(full->upstreams.at(0).connection.window, plain->upstreams.at(0).connection.window);
    EXPECT_EQ(full->upstreams.at(0).connection.keep_alive, plain->upstreams.at(0).connection.keep_alive);
    EXPECT_EQ(full->upstreams.at(0).backlog.max_backlog, plain->upstreams.at(0).backlog.max_backlog);
    EXPECT_EQ(full->upstreams.at(1).pelion, plain->upstreams.at(1).pelion);
    EXPECT_EQ(full->dtls.cid_bytes, plain->dtls.cid_bytes);
    EXPECT_EQ(full->dtls.shards, plain->dtls.shards);
    EXPECT_EQ(full->dtls.node, plain->dtls.node);
    EXPECT_EQ(full->admission.handshakes_per_second, plain->admission.handshakes_per_second);
    EXPECT_EQ(full->admission.handshake_burst, plain->admission.handshake_burst);
    EXPECT_EQ(full->admission.max_handshakes_per_address, plain->admission.max_handshakes_per_address);
}

TEST(ConfigExamplesTest, TheDocumentationListsExactlyTheKeysThatAreRead) {
    const std::string page = read_text_file(kSource / "docs/configuration.md");
    std::set<std::string> documented;
    const std::regex row("(^|\n)\\| `([a-z_.]+)` \\|");
    for (std::sregex_iterator match(page.begin(), page.end(), row), end; match != end; ++match)
        EXPECT_TRUE(documented.insert((*match)[2]).second) << (*match)[2] << " is listed twice";
    EXPECT_EQ(documented, known_config_keys());
    EXPECT_GT(documented.size(), 30U);
}

}  // namespace
}  // namespace narrowgate::daemon
