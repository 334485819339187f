// SPDX-License-Identifier: Apache-2.0
//
// backup, restore and sessions as a person types them, with real stores and no daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "daemon/command_test.hpp"
#include "daemon/devices/device_history.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kPskHex = "000102030405060708090a0b0c0d0e0f";

// Two gateways on one machine, "here" and "there".
class CopiesCommandsTest : public CommandTest {
protected:
    CopiesCommandsTest() {
        for (const char* gateway : {"here", "there"})
            write_gateway(directory_.path() / gateway);
        write_secret(key_, std::string(64, 'a') + "\n");
    }

    ExitCode type(const std::string& gateway, std::vector<std::string> arguments) {
        return type_at(directory_.path() / gateway / "narrowgate.toml", std::move(arguments));
    }
    json ask(const std::string& gateway, std::vector<std::string> arguments) {
        arguments.emplace_back("--json");
        EXPECT_EQ(type(gateway, std::move(arguments)), ExitCode::kOk) << err_;
        return json::parse(out_, nullptr, false);
    }
    std::string file(const char* name) const { return (directory_.path() / name).string(); }
    void write_secret(const std::filesystem::path& path, const std::string& text) const {
        write_text_file(path, text);
        chmod(path.c_str(), 0600);
    }

    // A device there is at both gateways, and its session here.
    void prepare(const std::string& identity) {
        write_secret(directory_.path() / "psk", std::string(kPskHex));
        for (const char* gateway : {"here", "there"}) {
            ASSERT_EQ(type(gateway,
                           {"device", "add", identity, "--fleet", "water-meters", "--psk-file", file("psk")}),
                      ExitCode::kOk)
                << err_;
        }
        auto store = open_store("here");
        store::Unit unit;
        unit.open.emplace();
        unit.open->id = 7;
        unit.open->credential = (*store->find_device(identity))->credentials[0].id;
        unit.open->cid = {0x10, 1, 2, 3, 4, 5};
        unit.open->secret = Secret(bytes_of("what a session is made of"));
        unit.open->confirmed = true;
        unit.open->path = {*Address::from_text("192.0.2.1:5684"), *Address::from_text("198.51.100.7:40000")};
        unit.open->established = unit.open->last_seen = clock_.now().wall;
        unit.sink = store->add_sink([](std::vector<store::Completion>&&) {});
        ASSERT_TRUE(store->submit(std::move(unit)));
        store->stop();
    }
    std::unique_ptr<store::Store> open_store(const std::string& gateway) {
        return CommandTest::open_store(directory_.path() / gateway);
    }
    std::uint64_t sessions_at(const std::string& gateway) {
        return ask(gateway, {"sessions"}).at("sessions").get<std::uint64_t>();
    }

    const std::filesystem::path key_ = directory_.path() / "transfer.key";
};

TEST_F(CopiesCommandsTest, EachHasAPageToWorkFrom) {
    for (std::vector<std::string> command : std::vector<std::vector<std::string>>{{"backup"},
                                                                                  {"restore"},
                                                                                  {"sessions", "list"},
                                                                                  {"sessions", "forget"},
                                                                                  {"sessions", "export"},
                                                                                  {"sessions", "import"}}) {
        command.emplace_back("--help");
        EXPECT_EQ(type("here", command), ExitCode::kOk);
        EXPECT_THAT(out_, HasSubstr("--config FILE"));
        EXPECT_THAT(out_, HasSubstr("--json"));
    }
}

TEST_F(CopiesCommandsTest, ABackupSaysWhichKeyToKeepAndWhyApart) {
    prepare("wm-0001");
    ASSERT_EQ(type("here", {"backup", file("copy")}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("1 device, 0 readings"));
    EXPECT_THAT(out_, HasSubstr(file("here/state/state.key")));
    EXPECT_THAT(out_, HasSubstr("another place"));
    EXPECT_THAT(out_, HasSubstr("no sessions"));
    EXPECT_EQ(type("here", {"backup", file("copy")}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("--force"));
    EXPECT_EQ(ask("here", {"backup", file("copy"), "--force"}).at("devices"), 1);
}

TEST_F(CopiesCommandsTest, ARestoreSaysWhatItCannotKnow) {
    prepare("wm-0001");
    ASSERT_EQ(type("here", {"backup", file("copy")}), ExitCode::kOk) << err_;
    ASSERT_EQ(type("here", {"device", "revoke", "wm-0001"}), ExitCode::kOk) << err_;
    EXPECT_EQ(type("here", {"restore", file("copy")}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("--force"));
    ASSERT_EQ(type("here", {"restore", file("copy"), "--force"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("revoked"));
    EXPECT_THAT(out_, HasSubstr("state.db.before-restore-"));
    EXPECT_THAT(out_, Not(HasSubstr("wm-0001")));
    EXPECT_EQ(sessions_at("here"), 0U);
    EXPECT_TRUE(ask("here", {"device", "show", "wm-0001"}).at("revoked").is_null());
    const auto why = ask("here", {"device", "show", "wm-0001"}).at("why").get<std::string>();
    EXPECT_THAT(why, HasSubstr("restored from a backup"));
    EXPECT_EQ(ask("here", {"audit"}).at(0).at("action"), "restore");
    EXPECT_EQ(type("here", {"restore", file("no such file")}), ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("cannot be read"));
}

TEST_F(CopiesCommandsTest, SessionsMoveByTheCommandsThatTheirPagesName) {
    prepare("wm-0001");
    const auto there = ask("there", {"sessions", "list"}).at("instance").get<std::string>();
    ASSERT_EQ(type("here", {"sessions", "export", "--for", there, "--to", file("moving"), "--key-file",
                            key_.string()}),
              ExitCode::kOk)
        << err_;
    EXPECT_THAT(out_, HasSubstr("1 session for gateway " + there));
    EXPECT_THAT(out_, HasSubstr("narrowgate sessions import"));
    EXPECT_EQ(sessions_at("here"), 0U);
    const auto why = ask("here", {"device", "show", "wm-0001"}).at("why").get<std::string>();
    EXPECT_THAT(why, HasSubstr("exported to another gateway"));
    struct stat status{};
    ASSERT_EQ(stat(file("moving").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);

    ASSERT_EQ(type("here", {"sessions", "list"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr(there));
    ASSERT_EQ(type("here", {"sessions", "export", "--again", "--to", file("again")}), ExitCode::kOk) << err_;
    ASSERT_EQ(type("there", {"sessions", "import", "--from", file("again"), "--key-file", key_.string()}),
              ExitCode::kOk)
        << err_;
    EXPECT_THAT(out_, HasSubstr("1 session of gateway"));
    EXPECT_EQ(sessions_at("there"), 1U);
    ASSERT_EQ(type("there", {"sessions", "list"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("wm-0001"));
    EXPECT_THAT(out_, HasSubstr("100102030405"));
    EXPECT_EQ(type("there", {"sessions", "import", "--from", file("moving"), "--key-file", key_.string()}),
              ExitCode::kFailed);
    EXPECT_THAT(err_, HasSubstr("was imported here"));
    ASSERT_EQ(type("here", {"sessions", "export", "--done"}), ExitCode::kOk) << err_;
    EXPECT_EQ(type("here", {"sessions", "export", "--done"}), ExitCode::kFailed);
    EXPECT_TRUE(ask("here", {"sessions", "list"}).at("exports").empty());
}

// Whatever is wrong with the arguments is found before anything is given away.
TEST_F(CopiesCommandsTest, AnExportThatCannotBeWrittenIsNotBegun) {
    prepare("wm-0001");
    const auto there = ask("there", {"sessions", "list"}).at("instance").get<std::string>();
    const auto refused = [&](ExitCode code, const char* why, std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"sessions", "export"});
        EXPECT_EQ(type("here", std::move(arguments)), code);
        EXPECT_THAT(err_, HasSubstr(why));
        EXPECT_EQ(sessions_at("here"), 1U);
    };
    refused(ExitCode::kUsage, "--for, --to and --key-file", {});
    refused(ExitCode::kUsage, "--for, --to and --key-file", {"--for", there, "--to", file("x")});
    refused(ExitCode::kUsage, "is no gateway", {"--for", "there", "--to", file("x"), "--key-file", key_});
    refused(ExitCode::kFailed, "No such file or directory",
            {"--for", there, "--to", file("none/x"), "--key-file", key_});
    refused(ExitCode::kFailed, "File exists", {"--for", there, "--to", key_, "--key-file", key_});
    write_secret(directory_.path() / "short", "abcd");
    refused(ExitCode::kFailed, "64 hexadecimal digits",
            {"--for", there, "--to", file("x"), "--key-file", file("short")});
    chmod(key_.c_str(), 0644);
    refused(ExitCode::kFailed, "chmod 600", {"--for", there, "--to", file("x"), "--key-file", key_});
    chmod(key_.c_str(), 0600);
    refused(ExitCode::kFailed, "no session to export",
            {"--for", there, "--to", file("x"), "--key-file", key_, "--fleet", "gas-meters"});
    EXPECT_FALSE(std::filesystem::exists(file("x")));
}

TEST_F(CopiesCommandsTest, ForgettingAllMustBeMeant) {
    prepare("wm-0001");
    EXPECT_EQ(type("here", {"sessions", "forget"}), ExitCode::kUsage);
    EXPECT_EQ(type("here", {"sessions", "forget", "wm-0001", "--all"}), ExitCode::kUsage);
    EXPECT_EQ(type("here", {"sessions", "forget", "--all"}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("--yes"));
    EXPECT_EQ(sessions_at("here"), 1U);
    ASSERT_EQ(type("here", {"sessions", "forget", "--all", "--yes"}), ExitCode::kOk) << err_;
    EXPECT_THAT(out_, HasSubstr("1 session forgotten"));
    EXPECT_EQ(sessions_at("here"), 0U);
    const auto why = ask("here", {"device", "show", "wm-0001"}).at("why").get<std::string>();
    EXPECT_THAT(why, HasSubstr("forgotten"));
}

}  // namespace
}  // namespace narrowgate::daemon
