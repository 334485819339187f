// SPDX-License-Identifier: Apache-2.0
//
// P8: a support bundle holds no secret, in no encoding, wherever somebody may have put one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <ranges>

#include "daemon/command_test.hpp"
#include "daemon/commands/child_output.hpp"
#include "daemon/commands/scrubber.hpp"
#include "daemon/commands/support_bundle.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kPsk = "\x8f\x01\xfe\x33\x7a\x90\xc4\x5d\x21\x6b\xb2\xe8\x04\x77\xda\x19";
constexpr std::string_view kPskBase64 = "jwH+M3qQxF0ha7LoBHfaGQ==";
constexpr std::string_view kSealingKey = "5f0c9d3be1a84726d0539fb8c6e17a2490cb35de8712f46a3de0b95c7f21a864";
constexpr std::string_view kSealingKeyBase64 = "XwydO+GoRybQU5+4xuF6JJDLNd6HEvRqPeC5XH8hqGQ=";
constexpr std::string_view kKeyLine = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLZ8pX1q0dGhpcyBp";
constexpr std::string_view kPassword = "hunter2-and-more";

std::string key_file() {
    return fmt::format("-----BEGIN PRIVATE KEY-----\n{}\nZmFrZQ==\n-----END PRIVATE KEY-----\n", kKeyLine);
}

// What must be nowhere, as it is, in hexadecimal and in base64.
std::vector<std::string> secrets() {
    std::string upper = to_hex(bytes_of(kPsk));
    std::ranges::transform(upper, upper.begin(), [](char c) { return c >= 'a' && c <= 'f' ? c - 32 : c; });
    return {std::string(kPsk),
            to_hex(bytes_of(kPsk)),
            upper,
            std::string(kPskBase64.substr(0, 22)),
            std::string(kSealingKey),
            std::string(text_of(*from_hex(kSealingKey))),
            std::string(kSealingKeyBase64.substr(0, 42)),
            std::string(kKeyLine),
            to_hex(bytes_of(kKeyLine)),
            std::string(kPassword)};
}

void expect_none_of_them(std::string_view text) {
    for (const std::string& secret : secrets())
        EXPECT_EQ(text.find(secret), std::string_view::npos) << to_hex(bytes_of(secret)) << "\nin:\n" << text;
}

TEST(ScrubberTest, TakesOutWhatLooksLikeASecretThoughNobodyToldOfIt) {
    const Scrubber scrubber;
    for (const std::string& text :
         {"psk = \"" + std::string(kPassword) + "\"", "password: " + std::string(kPassword) + "\nnext",
          "{\"token\": \"" + std::string(kPassword) + "\", \"x\": 1}",
          "# of wm-0001: " + to_hex(bytes_of(kPsk)), "key " + std::string(kPskBase64),
          "mqtts://gw:" + std::string(kPassword) + "@broker.example:8883/x", key_file(),
          "state.key is " + std::string(kSealingKey), "or " + std::string(kSealingKeyBase64)}) {
        expect_none_of_them(scrubber.scrub(text));
    }
    EXPECT_EQ(scrubber.scrub("mqtts://gw:pw@broker.example:8883/x"),
              "mqtts://[removed]@broker.example:8883/x");
    EXPECT_EQ(scrubber.scrub("psk = \"abc\" # mine"), "psk = \"[removed]\" # mine");
}

TEST(ScrubberTest, TakesOutWhatItWasToldOfInEveryEncoding) {
    Scrubber scrubber;
    scrubber.add_secret(bytes_of(kPsk));
    scrubber.add_secret_text(kSealingKey);
    scrubber.add_secret_text(key_file());
    scrubber.add_secret(bytes_of(kPassword));
    for (const std::string& secret : secrets()) {
        expect_none_of_them(scrubber.scrub("before " + secret + " after"));
        expect_none_of_them(scrubber.scrub("before=" + secret + ",after", true));
    }
}

TEST(ScrubberTest, LeavesWhatIsNoSecret) {
    const Scrubber scrubber;
    for (const std::string_view text :
         {"key_file = \"/etc/narrowgate/tls/gw-1.key\"", "url = \"mqtts://broker.example:8883\"",
          "2026-03-01T12:00:00.123Z reading 3f2504e0-4f89-41d3-9a0c-0305e82c3301-17 of fleet water-meters",
          "TLS_PSK_WITH_AES_128_CCM_8", "narrowgate_upstream_delivered_readings_total{upstream=\"aws\"} 12",
          "ActiveEnterTimestamp=Thu 2026-03-01 12:00:00 UTC", "{\"cid\": \"10a1b2c3d4e5\"}"}) {
        EXPECT_EQ(scrubber.scrub(std::string(text)), text);
    }
    const std::string digest(64, 'a');
    EXPECT_EQ(scrubber.scrub("SHA-256 " + digest, true), "SHA-256 " + digest);
}

TEST(ScrubberTest, OtherNamesStandForThoseOfDevicesTheSameEverywhere) {
    Scrubber scrubber;
    for (const char* name : {"wm-0001", "wm-0001#2", "Herr Müller, Keller"})
        scrubber.add_name(name);
    const std::string other = scrubber.other_name("wm-0001");
    EXPECT_EQ(scrubber.scrub("device wm-0001: of wm-0001."), "device " + other + ": of " + other + ".");
    EXPECT_EQ(scrubber.scrub("dt/water-meters/wm-0001/x"), "dt/water-meters/" + other + "/x");
    EXPECT_EQ(scrubber.scrub("wm-00012"), "wm-00012");
    EXPECT_THAT(scrubber.scrub("\"wm-0001#2\" \"Herr Müller, Keller\""),
                testing::AllOf(Not(HasSubstr("wm-0001")), Not(HasSubstr("Müller"))));
    EXPECT_NE(Scrubber().other_name("wm-0001"), other);
}

TEST(SupportBundleTest, APartThatIsTooLongIsCutAndSaysSo) {
    SupportBundle bundle;
    bundle.add({.name = "a", .text = "0123456789", .most = 4});
    bundle.add({.name = "b", .text = "0123456789", .most = 4, .keep = SupportBundle::Keep::kEnd});
    bundle.leave_out("c", "there is none");
    EXPECT_EQ(bundle.parts()[0].text, "0123");
    EXPECT_EQ(bundle.parts()[1].text, "6789");
    EXPECT_EQ(bundle.manifest(),
              "a  4 bytes, cut: the end is missing\nb  4 bytes, cut: the beginning is missing\n"
              "c  left out: there is none\n");
}

TEST(ChildOutputTest, IsHeardToItsEndCutAtItsSizeAndNeverWaitedForTooLong) {
    const auto all = output_of({"printf", "abc"}, 100, seconds(10));
    ASSERT_TRUE(all.has_value());
    EXPECT_EQ(all->text, "abc");
    EXPECT_FALSE(all->cut);
    EXPECT_EQ(all->status, 0);
    const auto endless = output_of({"yes"}, 1'000, seconds(10));
    ASSERT_TRUE(endless.has_value());
    EXPECT_EQ(endless->text.size(), 1'000U);
    EXPECT_TRUE(endless->cut);
    const auto silent = output_of({"sleep", "1000"}, 100, milliseconds(20));
    ASSERT_TRUE(silent.has_value());
    EXPECT_TRUE(silent->cut);
    EXPECT_FALSE(output_of({"no-such-program-as-this"}, 100, seconds(1)).has_value());
}

// Each of its lines behind a "#".
std::string commented(const std::string& text) {
    std::string comment;
    for (const auto line : std::views::split(text, '\n'))
        comment += "# " + std::string(line.begin(), line.end()) + "\n";
    return comment;
}

class SupportTest : public CommandTest {
protected:
    // A gateway with secrets wherever somebody may have put them.
    SupportTest() {
        const std::string hex = to_hex(bytes_of(kPsk));
        std::string gateway(kGatewayText);
        gateway +=
            fmt::format("# the key of a meter is {} or {}\n# psk = {}\n# sealing: {}\n# mqtts://gw-1:{}@b\n",
                        hex, kPskBase64, kPassword, kSealingKeyBase64, kPassword);
        write_text_file(directory_.path() / "narrowgate.toml", gateway);
        write_text_file(directory_.path() / "fleets.d/water-meters.toml",
                        std::string(kFleetText) + "# " + hex + "\n" + commented(key_file()));
        write_text_file(directory_.path() / "tls/gw.key", key_file());
        write_text_file(directory_.path() / "state/state.key", kSealingKey);
        std::filesystem::permissions(directory_.path() / "state", std::filesystem::perms::owner_all);
        const auto store = open_store(directory_.path());
        EXPECT_TRUE(store->add_device({.identity = "wm-0001",
                                       .fleet = "water-meters",
                                       .name = {},
                                       .psk = Secret(bytes_of(kPsk)),
                                       .not_before = {},
                                       .not_after = {}},
                                      "user test (1000)"));
        std::filesystem::create_directory(out_folder_);
        std::filesystem::create_directory(temporary_);
        setenv("TMPDIR", temporary_.c_str(), 1);
    }
    ~SupportTest() override { unsetenv("TMPDIR"); }

    ExitCode type(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"support", "--to", out_folder_.string()});
        return type_at(directory_.path() / "narrowgate.toml", std::move(arguments));
    }
    std::filesystem::path bundle() const {
        const std::filesystem::directory_iterator entries(out_folder_);
        return entries == std::filesystem::directory_iterator() ? std::filesystem::path() : entries->path();
    }
    // All files of it, one after the other, with their names.
    std::string unpacked() const {
        const auto folder = directory_.path() / "unpacked";
        std::filesystem::create_directory(folder);
        fakes::run(
            {"tar", "--extract", "--gzip", "--file", bundle().string(), "--directory", folder.string()},
            directory_.path() / "tar.log");
        std::string all;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
            if (entry.is_regular_file())
                all += "== " + entry.path().filename().string() + "\n" + read_text_file(entry.path());
        }
        return all;
    }

    const std::filesystem::path temporary_ = directory_.path() / "tmp";
    const std::filesystem::path out_folder_ = directory_.path() / "out";
};

TEST_F(SupportTest, HoldsNoSecretAndRunsWithoutADaemon) {
    ASSERT_EQ(type({}), ExitCode::kOk) << err_;
    EXPECT_THAT(bundle().filename().string(), testing::StartsWith("narrowgate-support-"));
    const std::string all = unpacked();
    expect_none_of_them(all);
    expect_none_of_them(out_);
    EXPECT_THAT(all, HasSubstr("== narrowgate.toml\n"));
    EXPECT_THAT(all, HasSubstr("key_file = \"tls/gw.key\""));
    EXPECT_THAT(all, HasSubstr("== fleet-water-meters.toml\n"));
    EXPECT_THAT(all, HasSubstr("quick check: ok"));
    EXPECT_THAT(all, HasSubstr("== MANIFEST\n"));
    EXPECT_THAT(all, HasSubstr("status.json  left out: "));
    EXPECT_THAT(all, Not(HasSubstr("wm-0001")));
    EXPECT_THAT(out_, HasSubstr("Look into the file before you send it"));
}

TEST_F(SupportTest, IsForItsOwnerAloneAndReplacesNone) {
    ASSERT_EQ(type({}), ExitCode::kOk) << err_;
    struct stat status{};
    ASSERT_EQ(stat(bundle().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    EXPECT_EQ(type({}), ExitCode::kFailed);  // of the same second
    EXPECT_THAT(err_, HasSubstr("remove that one"));
    EXPECT_TRUE(std::filesystem::is_empty(temporary_)) << "what was packed is left";
}

TEST_F(SupportTest, LeavesNamesWhereThatIsAsked) {
    ASSERT_EQ(type({"--with-names"}), ExitCode::kOk) << err_;
    const std::string all = unpacked();
    EXPECT_THAT(all, HasSubstr("names of devices: "));
    EXPECT_THAT(all, Not(HasSubstr("others stand for them")));
    expect_none_of_them(all);
}

TEST_F(SupportTest, AConfigurationWithMistakesIsToldOfAndNoObstacle) {
    write_text_file(directory_.path() / "narrowgate.toml", "[gateway\npassword = \"hunter2-and-more\"\n");
    ASSERT_EQ(type({}), ExitCode::kOk) << err_;
    const std::string all = unpacked();
    EXPECT_THAT(all, HasSubstr("== mistakes.txt\n"));
    expect_none_of_them(all);
}

}  // namespace
}  // namespace narrowgate::daemon
