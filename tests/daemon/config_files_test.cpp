// SPDX-License-Identifier: Apache-2.0
//
// The configuration against a real machine: certificates, permissions, directories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "daemon/config_texts.hpp"
#include "daemon/text_files.hpp"
#include "fakes/pki.hpp"

namespace narrowgate::daemon {
namespace {

using std::filesystem::perms;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
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

    // The pair from now on.
    void use(const fakes::Pki::Wish& wish) {
        const fakes::KeyPair pair = pki_.issue(wish);
        const auto options = std::filesystem::copy_options::overwrite_existing;
        std::filesystem::copy_file(pair.certificate, certificate_, options);
        std::filesystem::copy_file(pair.key, key_, options);
    }
    // Those at the certificate's key: the throw-away root's own end is always near.
    static std::vector<std::string> about_the_certificate(const Mistakes& warnings) {
        std::vector<std::string> texts;
        for (const Mistake& warning : warnings)
            if (warning.line == 21) texts.push_back(warning.text());
        return texts;
    }
    std::vector<std::string> warnings_of_certificate() const {
        const auto config = load();
        if (!config) return {config.error().front().text()};
        return about_the_certificate(config->warnings);
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
    const std::filesystem::path certificate_ = home() / "tls/gw.crt";
    const std::filesystem::path key_ = home() / "tls/gw.key";
};

constexpr auto kDay = std::chrono::hours(24);

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

TEST_F(ConfigFilesTest, ACertificateThatEndsWithinThirtyDaysIsAWarningAtItsKey) {
    use({.file_name = "lasting", .common_name = "gw-1", .to = 400 * kDay});
    EXPECT_THAT(warnings_of_certificate(), IsEmpty());
    use({.file_name = "ending", .common_name = "gw-1", .to = 20 * kDay + std::chrono::hours(1)});
    EXPECT_THAT(warnings_of_certificate(),
                ElementsAre(AllOf(HasSubstr(file_.string() + ":21:20: upstream aws"),
                                  HasSubstr("(CN=gw-1) expires in 20 days"), HasSubstr("; renew it"))));
}

TEST_F(ConfigFilesTest, ARootThatEndsSoonIsAWarningAtItsKey) {
    const auto config = load();
    ASSERT_TRUE(config);
    const auto is_of_root = [](const Mistake& warning) { return warning.line == 20; };
    const auto found = std::ranges::find_if(config->warnings, is_of_root);
    ASSERT_NE(found, config->warnings.end());
    EXPECT_THAT(found->text(), HasSubstr("expires in 1 day"));
    EXPECT_THAT(found->cure, HasSubstr("next root"));
}

// Nodes and the other upstreams must not wait for a certificate, nor for a clock that is not set yet.
TEST_F(ConfigFilesTest, ACertificateThatIsNotValidNowIsAMistakeToACheckAndAWarningToAStart) {
    const auto now = SystemClock().now().wall;
    for (const auto& [when, what] :
         {std::pair{now + 3 * kDay, "expired on"}, std::pair{now - 3 * kDay, "is not valid before"}}) {
        const auto checked = load_config(file_, when);
        ASSERT_FALSE(checked) << what;
        ASSERT_THAT(checked.error(), SizeIs(1));
        EXPECT_EQ(checked.error()[0].line, 21U);
        EXPECT_THAT(checked.error()[0].what, HasSubstr(what));
        const auto started = load_config_to_start(file_, when);
        ASSERT_TRUE(started) << started.error().front().text();
        EXPECT_THAT(about_the_certificate(started->warnings), ElementsAre(HasSubstr(what)));
        EXPECT_EQ(started->upstreams.at(0).connection.name, "aws");
    }
}

TEST_F(ConfigFilesTest, AStartForgivesNothingElse) {
    std::filesystem::permissions(key_, perms::group_read, std::filesystem::perm_options::add);
    const auto started = load_config_to_start(file_, SystemClock().now().wall + 3 * kDay);
    ASSERT_FALSE(started);
    ASSERT_THAT(started.error(), SizeIs(1));
    EXPECT_EQ(started.error()[0].line, 22U);
}

TEST_F(ConfigFilesTest, ACertificateThatIsNotForClientsIsAWarning) {
    use({.file_name = "server",
         .common_name = "gw-1",
         .extensions = "extendedKeyUsage=serverAuth\n",
         .to = 400 * kDay});
    EXPECT_THAT(warnings_of_certificate(),
                ElementsAre(AllOf(HasSubstr(":21:20: "), HasSubstr("clientAuth"))));
}

TEST_F(ConfigFilesTest, AChainInTheWrongOrderIsAWarning) {
    use({.file_name = "lasting", .common_name = "gw-1", .to = 400 * kDay});
    const auto stranger = pki_.issue({.file_name = "stranger", .common_name = "stranger", .to = 400 * kDay});
    write_text_file(certificate_, read_text_file(certificate_) + read_text_file(stranger.certificate));
    EXPECT_THAT(warnings_of_certificate(),
                ElementsAre(AllOf(HasSubstr(":21:20: "), HasSubstr("is broken"), HasSubstr("CN=stranger"))));
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
    EXPECT_THAT(config.error()[0].text(), HasSubstr("nothing.toml: there is no such file"));
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
