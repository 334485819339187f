// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate init` as a person types it, in a directory of its own. What it does as root for the service is
// in tests/system/package_test.py.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "daemon/command_test.hpp"
#include "daemon/config.hpp"
#include "fakes/pki.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class InitTest : public CommandTest {
protected:
    std::filesystem::path gateway_ = directory_.path() / "gateway";
    std::filesystem::path config_ = gateway_ / "narrowgate.toml";

    ExitCode init(std::vector<std::string> words) {
        words.insert(words.begin(), "init");
        words.insert(words.end(), {"--directory", gateway_.string()});
        return type_as_is(words);
    }
    std::expected<Config, Mistakes> load() { return load_config(config_, SystemClock().now().wall); }

    static unsigned mode_of(const std::filesystem::path& path) {
        struct stat status{};
        EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
        return status.st_mode & 07777U;
    }
};

TEST_F(InitTest, WhatItWritesHasNoMistake) {
    fakes::Pki pki;
    const auto client = pki.issue({.file_name = "gw-7", .common_name = "gw-7", .to = std::chrono::days(90)});
    ASSERT_EQ(init({"--mqtt", "localhost:8884", "--mqtt-ca", pki.root().string(), "--certificate",
                    client.certificate.string(), "--key", client.key.string(), "--name", "gw-7", "--fleet",
                    "water-meters"}),
              ExitCode::kOk)
        << err_;
    const auto config = load();
    ASSERT_TRUE(config.has_value()) << config.error().front().text();
    EXPECT_EQ(config->gateway.name, "gw-7");
    EXPECT_EQ(config->gateway.state_directory, gateway_ / "state");
    ASSERT_THAT(config->upstreams, SizeIs(1));
    EXPECT_EQ(config->upstreams[0].connection.url, "mqtts://localhost:8884");
    ASSERT_THAT(config->fleets, SizeIs(1));
    EXPECT_EQ(config->fleets[0].name, "water-meters");
    EXPECT_THAT(out_, HasSubstr("Next:\n  narrowgate check --config " + config_.string()));
    EXPECT_THAT(out_, Not(HasSubstr("missing")));
}

TEST_F(InitTest, EachCloudGetsItsProfileAndTheFleetARouteToIt) {
    ASSERT_EQ(init({"--aws", "x-ats.iot.eu-central-1.amazonaws.com", "--pelion", "edge.example", "--mqtt",
                    "broker.example", "--name", "gw-1"}),
              ExitCode::kOk)
        << err_;
    const auto config = read_config(config_);
    ASSERT_TRUE(config.has_value()) << config.error().front().text();
    ASSERT_THAT(config->upstreams, SizeIs(3));
    EXPECT_EQ(config->upstreams[0].profile, ProfileKind::kAwsIot);
    EXPECT_EQ(config->upstreams[1].profile, ProfileKind::kPelionEdge);
    EXPECT_EQ(config->upstreams[2].profile, ProfileKind::kMqtt);
    ASSERT_THAT(config->fleets, SizeIs(1));
    EXPECT_EQ(config->fleets[0].name, "nodes");
    ASSERT_THAT(config->fleets[0].routes, SizeIs(3));
    EXPECT_EQ(config->fleets[0].routes[1].upstream, "pelion");
}

TEST_F(InitTest, SecretsAreItsOwnersAlone) {
    fakes::Pki pki;
    const auto client = pki.client("gw-1");
    ASSERT_EQ(init({"--mqtt", "localhost", "--key", client.key.string(), "--name", "gw-1"}), ExitCode::kOk)
        << err_;
    EXPECT_EQ(mode_of(gateway_ / "tls/gw-1.key"), 0600U);
    EXPECT_EQ(mode_of(gateway_ / "state"), 0700U);
    EXPECT_EQ(mode_of(gateway_ / "state/state.key"), 0600U);
    EXPECT_EQ(mode_of(config_), 0644U);
    EXPECT_EQ(mode_of(gateway_ / "tls"), 0755U);
}

TEST_F(InitTest, TheFirstDeviceIsInTheStoreUnderTheKeyThatIsShown) {
    ASSERT_EQ(init({"--mqtt", "localhost", "--device", "wm-1", "--json"}), ExitCode::kOk) << err_;
    const auto told = nlohmann::json::parse(out_);
    EXPECT_EQ(told.at("identity"), "wm-1");
    EXPECT_THAT(told.at("missing"), SizeIs(3)) << "roots, certificate, key";
    ASSERT_EQ(type_at(config_, {"device", "export", "--with-keys"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("wm-1,nodes," + told.at("psk_hex").get<std::string>()));
}

TEST_F(InitTest, WhoNamesNoBrokerIsAsked) {
    // Name, AWS, Pelion, another, its roots, certificate, key, fleet, node.
    input_ = "gw-3\n\n  edge.example \n\n\n\n\nmeters\n\n";
    ASSERT_EQ(init({}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("Name of the fleet: nodes that are alike [nodes]: "));
    EXPECT_THAT(out_, HasSubstr("meters-0001 is the first device of fleet meters"));
    const auto config = read_config(config_);
    ASSERT_TRUE(config.has_value()) << config.error().front().text();
    EXPECT_EQ(config->gateway.name, "gw-3");
    ASSERT_THAT(config->upstreams, SizeIs(1));
    EXPECT_EQ(config->upstreams[0].connection.url, "mqtts://edge.example");
}

TEST_F(InitTest, WithNobodyToAnswerItSaysWhatToName) {
    EXPECT_EQ(init({}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("name a broker: --aws, --pelion or --mqtt"));
    input_ = "gw-3\n\n\n\n\n\n\n\n";
    EXPECT_EQ(init({}), ExitCode::kUsage) << "asked, and no broker named";
    EXPECT_FALSE(exists(gateway_));
}

TEST_F(InitTest, NothingIsOverwrittenAndNothingHalfIsLeft) {
    write_text_file(config_, "mine");
    EXPECT_EQ(init({"--mqtt", "localhost"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("is there already"));
    EXPECT_EQ(read_text_file(config_), "mine");
    EXPECT_FALSE(exists(gateway_ / "fleets.d"));

    // Any of the files, and a link that leads nowhere: what had been made before it is gone again.
    remove_all(gateway_);
    create_directories(gateway_ / "tls");
    create_symlink("nowhere", gateway_ / "tls/gw-1.crt");
    fakes::Pki pki;
    EXPECT_EQ(init({"--mqtt", "localhost", "--name", "gw-1", "--certificate", pki.root().string()}),
              ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("tls/gw-1.crt cannot be made"));
    EXPECT_FALSE(exists(gateway_ / "fleets.d"));
    EXPECT_FALSE(exists(gateway_ / "state"));
    EXPECT_FALSE(exists(config_));
}

TEST_F(InitTest, WordsThatWouldBeMoreThanWordsAreRefusedBeforeAnythingIsWritten) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"--mqtt", "a\"\nname = \"b"},
             {"--mqtt", "host", "--name", "gw 1"},
             {"--mqtt", "host", "--name", "../gw"},
             {"--mqtt", "host", "--fleet", "a/b"},
             {"--mqtt", "host", "--fleet", std::string(65, 'f')},
             {"--mqtt", "host:port"},
             {"--mqtt", "host:70000"},
             {"--mqtt", "mqtt://host"},
             {"--mqtt", "user:word@host"},
             {"--mqtt", "host/path"},
             {"--mqtt", "192.0.2.256"},
             {"--mqtt", "2001:db8::1"},
             {"--mqtt", "host", "--listen", "[::]:0"},
             {"--mqtt", "host", "--listen", "localhost:5684"},
             {"--mqtt", "host", "--listen", "somewhere"},
             {"--mqtt", "host", "--device", "a b"},
             {"--mqtt", "host", "--mqtt-ca", (directory_.path() / "none.pem").string()},
         }) {
        EXPECT_NE(init(words), ExitCode::kOk) << words.back();
        EXPECT_THAT(err_, HasSubstr("; ")) << "no cure for " << words.back();
        EXPECT_FALSE(exists(gateway_)) << words.back();
    }
}

TEST_F(InitTest, AKeyThatOthersCanReadIsRefused) {
    fakes::Pki pki;
    const auto client = pki.client("gw-1");
    permissions(client.key, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
    EXPECT_EQ(init({"--mqtt", "localhost", "--key", client.key.string()}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("chmod 600"));
    EXPECT_FALSE(exists(gateway_));
}

}  // namespace
}  // namespace narrowgate::daemon
