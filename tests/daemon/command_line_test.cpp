// SPDX-License-Identifier: Apache-2.0
//
// The commands as a person types them, with a real store and no daemon.
#include "daemon/commands/command_line.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/command_test.hpp"
#include "fakes/pki.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kKey = "000102030405060708090a0b0c0d0e0f";

class CommandLineTest : public CommandTest {
protected:
    ExitCode type(std::vector<std::string> arguments) { return type_at(config_, std::move(arguments)); }

    const std::filesystem::path config_ = write_gateway(directory_.path());
};

TEST_F(CommandLineTest, EveryCommandHasAPageToWorkFrom) {
    const std::vector<std::vector<std::string>> commands = {
        {},
        {"run"},
        {"check"},
        {"status"},
        {"store", "show"},
        {"audit"},
        {"dead-letters", "list"},
        {"dead-letters", "retry"},
        {"dead-letters", "drop"},
        {"device"},
        {"device", "add"},
        {"device", "import"},
        {"device", "list"},
        {"device", "show"},
        {"device", "rotate"},
        {"device", "revoke"},
        {"device", "export"},
        {"diagnose"},
        {"diagnose", "upstream"},
    };
    for (std::vector<std::string> command : commands) {
        command.emplace_back("--help");
        EXPECT_EQ(type_as_is(command), ExitCode::kOk);
        EXPECT_THAT(out_, HasSubstr("Usage: narrowgate"));
        const bool is_group = command.size() == 1 || command[0] + command[1] == "device--help" ||
                              command[0] + command[1] == "diagnose--help";
        EXPECT_EQ(out_.find("--config FILE") == std::string::npos, is_group) << out_;
        EXPECT_EQ(err_, "");
    }
}

TEST_F(CommandLineTest, TheVersionIsPrinted) {
    EXPECT_EQ(type_as_is({"--version"}), ExitCode::kOk);
    EXPECT_THAT(out_, ::testing::MatchesRegex("narrowgate [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(CommandLineTest, WrongArgumentsAreUsageErrors) {
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
             {},
             {"rnu"},
             {"device"},
             {"device", "add"},
             {"device", "add", "x"},
             {"status", "--jsn"},
             {"store", "show", "--last", "many"},
             {"device", "add", "x", "--fleet", "water-meters"},
             {"device", "add", "x", "--fleet", "f", "--generate", "--psk-file", "y"}}) {
        EXPECT_EQ(type_as_is(arguments), ExitCode::kUsage);
        EXPECT_THAT(err_, ::testing::StartsWith("narrowgate: "));
        EXPECT_EQ(out_, "");
    }
}

TEST_F(CommandLineTest, AUsageErrorNamesTheWordAndTheHelpPage) {
    type_as_is({"rnu"});
    EXPECT_EQ(err_, "narrowgate: rnu is no command of \"narrowgate\"; see narrowgate --help\n");
    type_as_is({"device", "ad"});
    EXPECT_EQ(err_, "narrowgate: ad is no command of \"narrowgate device\"; see narrowgate device --help\n");
    type_as_is({"status", "--jsn"});
    EXPECT_EQ(err_,
              "narrowgate: --jsn is no option of \"narrowgate status\"; see narrowgate status --help\n");
    type_as_is({"device", "add", "x"});
    EXPECT_EQ(err_, "narrowgate: --fleet is required; see narrowgate device add --help\n");
}

// The keys must never be arguments: other users see those.
TEST_F(CommandLineTest, AKeyCannotBeAnArgument) {
    EXPECT_EQ(type({"device", "add", "wm-0001", "--fleet", "water-meters", "--psk", std::string(kKey)}),
              ExitCode::kUsage);
}

TEST_F(CommandLineTest, CheckPrintsEveryMistakeWithItsPlace) {
    write_text_file(config_, replaced(replaced(kGatewayText, "mtu", "mut"), "\"9s\"", "9"));
    EXPECT_EQ(type({"check"}), ExitCode::kConfiguration);
    EXPECT_THAT(err_,
                HasSubstr(config_.string() + ":9:1: unknown key \"mut\" in [dtls]; did you mean \"mtu\"?"));
    EXPECT_THAT(err_,
                HasSubstr(config_.string() + ":10:29: \"dtls.handshake_timeout.min\" must be a duration"));
    EXPECT_THAT(err_, HasSubstr("tls/gw.key"));
    EXPECT_THAT(err_, HasSubstr("mistakes in the configuration"));

    EXPECT_EQ(type({"check", "--json"}), ExitCode::kConfiguration);
    const auto json = nlohmann::json::parse(out_);
    EXPECT_EQ(json.at("mistakes").at(0).at("line"), 9);
    EXPECT_EQ(json.at("mistakes").at(0).at("column"), 1);
}

// With certificates that are there, so that nothing but warnings is left.
TEST_F(CommandLineTest, CheckWarnsOfWhatIsHardlyMeantAndStillFindsNoMistake) {
    fakes::Pki pki;
    const fakes::KeyPair pair = pki.client("gw-1");
    clock_.advance(SystemClock().now().wall - clock_.now().wall);  // they are made now
    std::string text = replaced(kGatewayText, "name = \"aws\"", "name = \"aws\"\nprofile = \"aws-iot\"");
    text = replaced(text, "tls/ca.pem", pki.root().string());
    text = replaced(text, "tls/gw.crt", pair.certificate.string());
    write_text_file(config_, replaced(text, "tls/gw.key", pair.key.string()));

    ASSERT_EQ(type({"check"}), ExitCode::kOk) << err_;
    EXPECT_EQ(err_, "");
    EXPECT_THAT(out_,
                HasSubstr("warning: " + config_.string() + ":22:20: upstream aws: the certificate in "));
    EXPECT_THAT(out_,
                HasSubstr("warning: " + (directory_.path() / "fleets.d/water-meters.toml").string() +
                          ":8:9: the topic has {device}, so that no batch of \"aws\" holds readings of two "
                          "devices; leave {device} out"));
    EXPECT_THAT(out_, ::testing::EndsWith(config_.string() + " is right: 1 fleet, 1 upstream.\n"));

    ASSERT_EQ(type({"check", "--json"}), ExitCode::kOk) << err_;
    const auto json = nlohmann::json::parse(out_);
    EXPECT_TRUE(json.at("mistakes").empty());
    ASSERT_EQ(json.at("warnings").size(), 3U) << "of the root, the certificate and the topic";
    EXPECT_EQ(json.at("warnings").at(2).at("line"), 8);
    EXPECT_EQ(json.at("warnings").at(2).at("column"), 9);

    EXPECT_EQ(type({"run"}), ExitCode::kOk) << err_;
    EXPECT_EQ(ran_, "gw-1");
}

// The upstream says so at each attempt; nodes must not wait for it.
TEST_F(CommandLineTest, RunStartsWithACertificateThatHasEndedAndCheckRefusesIt) {
    fakes::Pki pki;
    const fakes::KeyPair pair = pki.client("gw-1");
    clock_.advance(SystemClock().now().wall + std::chrono::hours(72) - clock_.now().wall);
    std::string text = replaced(kGatewayText, "tls/ca.pem", pki.root().string());
    text = replaced(text, "tls/gw.crt", pair.certificate.string());
    write_text_file(config_, replaced(text, "tls/gw.key", pair.key.string()));
    EXPECT_EQ(type({"check"}), ExitCode::kConfiguration);
    EXPECT_THAT(err_, HasSubstr(config_.string() + ":21:20: upstream aws: the certificate in "));
    EXPECT_THAT(err_, HasSubstr("expired on"));
    EXPECT_EQ(type({"run"}), ExitCode::kOk) << err_;
    EXPECT_EQ(ran_, "gw-1");
}

TEST_F(CommandLineTest, RunDoesNotStartWithMistakes) {
    EXPECT_EQ(type({"run"}), ExitCode::kConfiguration);
    EXPECT_EQ(ran_, "");
}

TEST_F(CommandLineTest, StatusSaysWhenNoDaemonRuns) {
    EXPECT_EQ(type({"status"}), ExitCode::kNotRunning);
    EXPECT_THAT(err_, HasSubstr("narrowgate is not running: nobody listens at"));
}

TEST_F(CommandLineTest, ADeviceWithAGeneratedKeyIsKnownFromThenOn) {
    ASSERT_EQ(type({"device", "add", "wm-0001", "--fleet", "water-meters", "--generate", "--json"}),
              ExitCode::kOk)
        << err_;
    const auto added = nlohmann::json::parse(out_);
    const std::string key = added.at("psk_hex");
    EXPECT_EQ(key.size(), 32U);

    EXPECT_EQ(type({"device", "list"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("wm-0001  water-meters  1            active"));
    EXPECT_THAT(out_, Not(HasSubstr(key)));
    EXPECT_EQ(type({"device", "show", "wm-0001"}), ExitCode::kOk);
    EXPECT_THAT(out_, Not(HasSubstr(key)));
    EXPECT_EQ(type({"device", "export"}), ExitCode::kOk);
    EXPECT_THAT(out_, Not(HasSubstr(key)));
    EXPECT_EQ(type({"device", "export", "--with-keys"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("wm-0001,water-meters," + key));

    EXPECT_EQ(type({"device", "revoke", "wm-0001"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("is revoked"));
    EXPECT_EQ(type({"device", "list"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("revoked 2026-01-01"));
    EXPECT_EQ(type({"device", "show", "nobody"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("there is no device \"nobody\""));
}

// More than come with one answer.
TEST_F(CommandLineTest, EveryDeviceIsListedHoweverManyThereAre) {
    constexpr int kMany = 4001;
    std::string table;
    for (int n = 1; n <= kMany; ++n)
        table += fmt::format("wm-{:04},water-meters,{}\n", n, kKey);
    const auto file = directory_.path() / "many.csv";
    write_text_file(file, table);
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
    ASSERT_EQ(type({"device", "import", file.string()}), ExitCode::kOk) << err_;
    ASSERT_EQ(type({"device", "list", "--json"}), ExitCode::kOk) << err_;
    const auto listed = nlohmann::json::parse(out_);
    ASSERT_EQ(listed.size(), std::size_t{kMany});
    for (int n = 1; n <= kMany; ++n)
        ASSERT_EQ(listed.at(static_cast<std::size_t>(n - 1)).at("name"), fmt::format("wm-{:04}", n));
    ASSERT_EQ(type({"device", "list"}), ExitCode::kOk);
    EXPECT_EQ(std::ranges::count(out_, '\n'), kMany + 1) << "with the heading";
}

TEST_F(CommandLineTest, AKeyFileThatOthersCanReadIsRefusedWithTheChmod) {
    const auto file = directory_.path() / "wm.psk";
    write_text_file(file, std::string(kKey) + "\n");
    EXPECT_EQ(type({"device", "add", "a", "--fleet", "water-meters", "--psk-file", file.string()}),
              ExitCode::kOk)
        << err_;
    std::filesystem::permissions(file, std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    EXPECT_EQ(type({"device", "add", "b", "--fleet", "water-meters", "--psk-file", file.string()}),
              ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("chmod 600 " + file.string()));
    EXPECT_EQ(type({"device", "import", file.string()}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("chmod 600"));
}

TEST_F(CommandLineTest, AKeyComesFromStandardInput) {
    input_ = std::string(kKey) + "\n";
    EXPECT_EQ(type({"device", "add", "a", "--fleet", "water-meters", "--psk-file", "-"}), ExitCode::kOk)
        << err_;
    input_ = "0011\n";
    EXPECT_EQ(type({"device", "add", "b", "--fleet", "water-meters", "--psk-file", "-"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("short ones can be guessed"));
    input_ = std::string(1'000'000, '0');
    EXPECT_EQ(type({"device", "add", "c", "--fleet", "water-meters", "--psk-file", "-"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("longer than 4096 bytes"));
}

TEST_F(CommandLineTest, AnImportIsAllOrNothingAndNamesEveryBadLine) {
    const auto good = "a,water-meters," + std::string(kKey) + "\n";
    input_ = good + "b,gas-meters," + std::string(kKey) + "\nc\n";
    EXPECT_EQ(type({"device", "import", "-"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("-:2: there is no fleet \"gas-meters\""));
    EXPECT_THAT(err_, HasSubstr("-:3: there is one field alone"));
    EXPECT_THAT(err_, HasSubstr("nothing was imported"));

    input_ = good;
    EXPECT_EQ(type({"device", "import", "--dry-run", "-"}), ExitCode::kOk);
    EXPECT_EQ(out_, "+ a\nWould be: 1 added, 0 changed, 0 unchanged.\n");
    EXPECT_EQ(type({"device", "show", "a"}), ExitCode::kFailed);
    input_ = good;
    EXPECT_EQ(type({"device", "import", "-"}), ExitCode::kOk);
    EXPECT_EQ(out_, "1 added, 0 changed, 0 unchanged.\n");
    EXPECT_EQ(type({"device", "show", "a"}), ExitCode::kOk);
}

TEST_F(CommandLineTest, ARotationPrintsTheNextCredentialOnceAsImportReadsIt) {
    ASSERT_EQ(type({"device", "add", "wm-0001", "--fleet", "water-meters", "--generate"}), ExitCode::kOk);
    ASSERT_EQ(type({"device", "rotate", "wm-0001"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("then wm-0001 is retired"));
    const auto csv = out_.substr(out_.find("identity,fleet"));
    EXPECT_THAT(csv, HasSubstr("\nwm-0001#2,water-meters,"));
    input_ = csv;
    ASSERT_EQ(type({"device", "import", "--dry-run", "-"}), ExitCode::kOk) << err_;
    EXPECT_EQ(out_, "Would be: 0 added, 0 changed, 1 unchanged.\n");

    EXPECT_EQ(type({"device", "show", "wm-0001"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("waits for its first use, then replaces wm-0001"));
    EXPECT_EQ(type({"device", "rotate", "wm-0001"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("narrowgate device rotate wm-0001 --cancel"));

    ASSERT_EQ(type({"device", "rotate", "wm-0001", "--cancel"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("wm-0001#2 is revoked"));
    EXPECT_EQ(type({"device", "rotate", "wm-0001", "--cancel"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("no rotation of \"wm-0001\" is under way"));
}

TEST_F(CommandLineTest, ARotationTakesAKeyAnIdentityAndAValidityFromOutside) {
    ASSERT_EQ(type({"device", "add", "wm-0001", "--fleet", "water-meters", "--generate"}), ExitCode::kOk);
    input_ = std::string(kKey) + "\n";
    ASSERT_EQ(type({"device", "rotate", "wm-0001", "--psk-file", "-", "--identity", "wm-0001-b",
                    "--valid-from", "2026-02-01", "--valid-until", "2027-02-01T12:00:00+01:00", "--json"}),
              ExitCode::kOk)
        << err_;
    EXPECT_EQ(nlohmann::json::parse(out_).at("identity"), "wm-0001-b");
    EXPECT_THAT(out_, Not(HasSubstr(std::string(kKey))));
    ASSERT_EQ(type({"device", "show", "wm-0001", "--json"}), ExitCode::kOk);
    const auto credential = nlohmann::json::parse(out_).at("credentials").at(1);
    EXPECT_EQ(credential.at("not_before"), "2026-02-01T00:00:00.000Z");
    EXPECT_EQ(credential.at("not_after"), "2027-02-01T11:00:00.000Z");
    EXPECT_EQ(credential.at("state"), "not_yet_valid");
    EXPECT_EQ(credential.at("replaces"), "wm-0001");

    EXPECT_EQ(type({"device", "rotate", "wm-0001", "--valid-from", "tomorrow"}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("--valid-from: \"tomorrow\" is no time"));
    EXPECT_EQ(type({"device", "rotate", "wm-0001", "--cancel", "--identity", "x"}), ExitCode::kUsage);
}

TEST_F(CommandLineTest, OneCredentialIsRevokedAndTheAuditTrailSaysByWhom) {
    ASSERT_EQ(type({"device", "add", "wm-0001", "--fleet", "water-meters", "--generate"}), ExitCode::kOk);
    ASSERT_EQ(type({"device", "rotate", "wm-0001", "--json"}), ExitCode::kOk);
    EXPECT_EQ(type({"device", "revoke"}), ExitCode::kUsage);
    EXPECT_EQ(type({"device", "revoke", "wm-0001", "--credential", "wm-0001"}), ExitCode::kUsage);
    ASSERT_EQ(type({"device", "revoke", "--credential", "wm-0001"}), ExitCode::kOk) << err_;
    ASSERT_EQ(type({"device", "show", "wm-0001", "--json"}), ExitCode::kOk);
    const auto device = nlohmann::json::parse(out_);
    EXPECT_TRUE(device.at("revoked").is_null());
    EXPECT_EQ(device.at("credentials").at(0).at("state"), "revoked");
    EXPECT_EQ(device.at("credentials").at(1).at("state"), "in_use");

    ASSERT_EQ(type({"audit", "--json"}), ExitCode::kOk);
    const auto entries = nlohmann::json::parse(out_);
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].at("action"), "revoke");
    EXPECT_EQ(entries[0].at("subject"), "wm-0001");
    EXPECT_THAT(entries[0].at("actor").get<std::string>(), HasSubstr("uid " + std::to_string(getuid())));
    EXPECT_EQ(type({"audit", "--last", "1"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("revoke"));
    EXPECT_THAT(out_, Not(HasSubstr("rotate")));
}

TEST_F(CommandLineTest, TheStoreCanBeLookedInto) {
    EXPECT_EQ(type({"store", "show"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("readings waiting"));
    EXPECT_EQ(type({"store", "show", "--json", "--last", "3"}), ExitCode::kOk);
    EXPECT_EQ(nlohmann::json::parse(out_).at("readings_waiting"), 0);
}

// The daemon runs but its socket is gone: the store's lock still keeps two writers apart.
TEST_F(CommandLineTest, AStoreThatAnotherProcessHoldsIsLeftAlone) {
    const auto config = read_config(config_);
    ASSERT_TRUE(config);
    Log log(LogLevel::kError);
    const auto held = store::Store::open(config->store, log, clock_);
    ASSERT_TRUE(held) << held.error().text();
    EXPECT_EQ(type({"device", "list"}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("narrowgate: "));
    EXPECT_EQ(out_, "");
}

}  // namespace
}  // namespace narrowgate::daemon
