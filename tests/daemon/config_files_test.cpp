// SPDX-License-Identifier: Apache-2.0
//
// The configuration against a real machine: certificates, permissions, directories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_texts.hpp"
#include "daemon/text_files.hpp"
#include "fakes/pki.hpp"

namespace narrowgate::daemon {
namespace {

using std::filesystem::perms;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ConfigFilesTest : public ::testing::Test {
protected:
    ConfigFilesTest() {
        const fakes::KeyPair pair = pki_.client("gw-1");
        std::filesystem::create_directories(home() / "tls");
        std::filesystem::copy_file(pki_.root(), home() / "tls/ca.pem");
        std::filesystem::copy_file(pair.certificate, home() / "tls/gw.crt");
        std::filesystem::copy_file(pair.key, key_);
        std::filesystem::permissions(key_, perms::owner_read | perms::owner_write);
        write_text_file(file_, kGatewayText);
        write_text_file(fleet_, kFleetText);
    }

    const std::filesystem::path& home() const { return directory_.path(); }
    std::expected<Config, Mistakes> load() const { return load_config(file_, SystemClock().now().wall); }
    Mistake only_mistake() const {
        const auto config = load();
        if (config || config.error().size() != 1) {
            ADD_FAILURE() << (config ? "no mistake" : config.error().at(1).text());
            return {};
        }
        return config.error()[0];
    }

    fakes::Pki pki_;
    fakes::TemporaryDirectory directory_;
    const std::filesystem::path file_ = home() / "narrowgate.toml";
    const std::filesystem::path fleet_ = home() / "fleets.d/water-meters.toml";
    const std::filesystem::path key_ = home() / "tls/gw.key";
};

TEST_F(ConfigFilesTest, AMachineThatIsInOrderHasNoMistake) {
    const auto config = load();
    ASSERT_TRUE(config) << config.error().front().text();
    EXPECT_EQ(config->fleets.at(0).name, "water-meters");
    EXPECT_EQ(config->gateway.state_directory, home() / "state");
}

TEST_F(ConfigFilesTest, AKeyThatOthersCanReadIsRefusedWithTheChmod) {
    std::filesystem::permissions(key_, perms::group_read, std::filesystem::perm_options::add);
    const Mistake mistake = only_mistake();
    EXPECT_EQ(mistake.file, file_.string());
    EXPECT_EQ(mistake.line, 22U);
    EXPECT_EQ(mistake.column, 12U);
    EXPECT_THAT(mistake.what, HasSubstr(key_.string()));
    EXPECT_THAT(mistake.cure, HasSubstr("chmod"));
}

TEST_F(ConfigFilesTest, AMissingCertificateIsFoundAtItsKey) {
    std::filesystem::remove(home() / "tls/ca.pem");
    const Mistake mistake = only_mistake();
    EXPECT_EQ(mistake.line, 20U);
    EXPECT_THAT(mistake.what, HasSubstr("ca.pem"));
}

TEST_F(ConfigFilesTest, ACertificateOfAnotherKeyIsAMistake) {
    std::filesystem::copy_file(pki_.client("other").certificate, home() / "tls/gw.crt",
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_GE(only_mistake().line, 21U);
}

TEST_F(ConfigFilesTest, AFileThatEverybodyMayWriteIsRefused) {
    std::filesystem::permissions(fleet_, perms::others_write, std::filesystem::perm_options::add);
    const Mistake mistake = only_mistake();
    EXPECT_EQ(mistake.file, fleet_.string());
    EXPECT_THAT(mistake.cure, HasSubstr("chmod o-w"));
}

TEST_F(ConfigFilesTest, AMissingFileIsNamed) {
    const auto config = load_config(home() / "nothing.toml", SystemClock().now().wall);
    ASSERT_FALSE(config);
    ASSERT_THAT(config.error(), SizeIs(1));
    EXPECT_THAT(config.error()[0].text(), HasSubstr("nothing.toml: No such file"));
    EXPECT_THAT(config.error()[0].cure, HasSubstr("--config"));
}

TEST_F(ConfigFilesTest, ADirectoryIsNoConfiguration) {
    const auto config = load_config(home(), SystemClock().now().wall);
    ASSERT_FALSE(config);
    ASSERT_THAT(config.error(), SizeIs(1));
}

TEST_F(ConfigFilesTest, AFleetsDirectoryWithoutFleetsIsAMistake) {
    std::filesystem::rename(fleet_, home() / "fleets.d/water-meters.toml.bak");
    EXPECT_THAT(only_mistake().what, HasSubstr("holds no fleet"));
}

TEST_F(ConfigFilesTest, AMissingFleetsDirectoryIsFoundAtItsKey) {
    write_text_file(file_, replaced(kGatewayText, "log_level", "fleets_directory = \"nowhere\"\nlog_level"));
    const Mistake mistake = only_mistake();
    EXPECT_EQ(mistake.line, 5U);
    EXPECT_THAT(mistake.what, HasSubstr("nowhere"));
}

TEST_F(ConfigFilesTest, AStateDirectoryThatIsAFileIsAMistake) {
    write_text_file(home() / "state", "");
    const Mistake mistake = only_mistake();
    EXPECT_EQ(mistake.line, 3U);
    EXPECT_THAT(mistake.what, HasSubstr("is no directory"));
}

// Provisioning comes before certificates: what only touches devices must not ask for them.
TEST_F(ConfigFilesTest, ReadingAloneLooksAtNoCertificate) {
    std::filesystem::remove_all(home() / "tls");
    EXPECT_TRUE(read_config(file_));
    EXPECT_FALSE(load());
}

// `status` must work while somebody edits a fleet.
TEST_F(ConfigFilesTest, TheGatewaysOwnOptionsDoNotMindMistakesElsewhere) {
    write_text_file(file_, replaced(kGatewayText, "mtu = 512", "mut = 512"));
    write_text_file(fleet_, "no toml");
    const auto options = read_gateway_options(file_);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->runtime_directory, home() / "run");
    write_text_file(file_, replaced(kGatewayText, "runtime_directory", "#"));
    EXPECT_FALSE(read_gateway_options(file_));
}

}  // namespace
}  // namespace narrowgate::daemon
