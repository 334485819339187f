// SPDX-License-Identifier: Apache-2.0
//
// `narrowgate diagnose upstream` as a person types it, against real brokers on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "daemon/commands/command_line.hpp"
#include "daemon/config_texts.hpp"
#include "daemon/text_files.hpp"
#include "fakes/mosquitto.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/io/file_descriptor.hpp"

namespace narrowgate::daemon {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Takes TCP, in the kernel's backlog, and says nothing.
class SilentPort {
public:
    SilentPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* raw = reinterpret_cast<sockaddr*>(&address);
        if (::bind(fd_.get(), raw, size) == 0 && ::listen(fd_.get(), 4) == 0 &&
            ::getsockname(fd_.get(), raw, &size) == 0) {
            port_ = ntohs(address.sin_port);
        }
    }
    std::string url() const { return "mqtts://localhost:" + std::to_string(port_); }

private:
    io::FileDescriptor fd_;
    std::uint16_t port_ = 0;
};

class DiagnoseUpstreamTest : public ::testing::Test {
protected:
    fakes::Mosquitto broker(const std::string& names = "DNS:localhost", const std::string& further = "") {
        return fakes::Mosquitto({.certificate = pki_.server("broker", names),
                                 .root = pki_.root(),
                                 .access_rules = "user gw-1\ntopic write dt/#\n",
                                 .further_lines = further,
                                 .tls_1_2_only = false});
    }
    // Of an upstream at `url` that trusts `root`, which is the broker's unless given.
    ExitCode diagnose(const std::string& url, std::vector<std::string> arguments,
                      const std::filesystem::path& root = {}) {
        std::string text = replaced(kGatewayText, "mqtts://broker.example:8883", url);
        text = replaced(text, "tls/ca.pem", (root.empty() ? pki_.root() : root).string());
        text = replaced(text, "tls/gw.crt", client_.certificate.string());
        text = replaced(text, "tls/gw.key", client_.key.string());
        text = replaced(text, "state_directory = \"state\"",
                        "state_directory = \"" + directory_.path().string() + "\"");
        text = replaced(text, "runtime_directory = \"run\"",
                        "runtime_directory = \"" + (directory_.path() / "run").string() + "\"");
        const auto config = directory_.path() / "narrowgate.toml";
        write_text_file(config, text);
        write_text_file(directory_.path() / "fleets.d/water-meters.toml", kFleetText);

        std::vector<std::string> words{"diagnose", "upstream", "aws", "--config", config.string()};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::istringstream in;
        std::ostringstream out;
        std::ostringstream err;
        const ExitCode code =
            run_command_line(words, {.in = in, .out = out, .err = err}, clock_, RunDaemon());
        out_ = out.str();
        err_ = err.str();
        return code;
    }
    // The finding of an attempt that must fail, in its JSON form.
    std::string finding_of(const std::string& url, const std::filesystem::path& root = {}) {
        EXPECT_EQ(diagnose(url, {"--json", "--timeout", "3s"}, root), ExitCode::kFailed) << out_ << err_;
        const json result = json::parse(out_, nullptr, false);
        if (result.is_discarded()) return out_;
        EXPECT_FALSE(result.at("what").get<std::string>().empty());
        EXPECT_FALSE(result.at("advice").get<std::string>().empty());
        EXPECT_EQ(result.at("well"), false);
        return result.at("finding");
    }

    fakes::TemporaryDirectory directory_;
    SystemClock clock_;
    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    std::string out_;
    std::string err_;
};

TEST_F(DiagnoseUpstreamTest, AGoodAttemptIsShownStepByStepAndItsPublishAcknowledged) {
    const auto good = broker();
    EXPECT_EQ(diagnose(good.url(), {"--publish", "dt/diagnose"}), ExitCode::kOk) << out_ << err_;
    EXPECT_THAT(out_, HasSubstr("as gw-1-diagnose, for at most 60 s"));
    EXPECT_THAT(out_, HasSubstr("resolving localhost\n"));
    EXPECT_THAT(out_, HasSubstr("-> ClientHello"));
    EXPECT_THAT(out_, HasSubstr("broker's certificate 1 of 2: CN=broker"));
    EXPECT_THAT(out_, HasSubstr("MQTT CONNACK: accepted"));
    EXPECT_THAT(out_, HasSubstr("MQTT PUBACK:"));
    EXPECT_THAT(out_, HasSubstr("\nVerdict: ok\n"));
    EXPECT_THAT(out_, HasSubstr("connected as gw-1-diagnose"));
    EXPECT_EQ(err_, "");
    EXPECT_THAT(good.log(), HasSubstr("as gw-1-diagnose"));
}

TEST_F(DiagnoseUpstreamTest, ItsJsonHasTheStepsWithTimesAndBytes) {
    const auto good = broker();
    ASSERT_EQ(diagnose(good.url(), {"--json", "--client-id", "other"}), ExitCode::kOk) << out_ << err_;
    const json result = json::parse(out_, nullptr, false);
    ASSERT_FALSE(result.is_discarded()) << out_;
    EXPECT_EQ(result.at("finding"), "ok");
    EXPECT_EQ(result.at("well"), true);
    EXPECT_EQ(result.at("upstream"), "aws");
    EXPECT_EQ(result.at("client_id"), "other");
    const json& trace = result.at("trace");
    EXPECT_GT(trace.at("bytes_from_server").get<int>(), 500);
    EXPECT_EQ(trace.at("steps").at(0).at("kind"), "resolving");
    bool connack = false;
    for (const json& step : trace.at("steps")) {
        EXPECT_TRUE(step.at("at_us").is_number_integer());
        connack = connack || step.at("kind") == "connack";
    }
    EXPECT_TRUE(connack);
}

TEST_F(DiagnoseUpstreamTest, WhatIsWrongHasItsFindingAndExitCode) {
    const fakes::Pki other("Somebody else");
    const auto good = broker();
    EXPECT_EQ(finding_of(good.url(), other.root()), "unknown-root");
    // RFC 6761 section 6.4; a machine without any resolver cannot know.
    EXPECT_THAT(finding_of("mqtts://broker.invalid:8883"), ::testing::AnyOf("name-not-found", "dns-slow"));
    EXPECT_EQ(finding_of("mqtts://localhost:" + std::to_string(fakes::free_port())), "refused");
    EXPECT_EQ(finding_of(good.url(), "/nowhere/root.pem"), "files");
    const SilentPort silent;
    EXPECT_EQ(finding_of(silent.url()), "stall-after-client-hello");
    const auto elsewhere = broker("DNS:elsewhere.example");
    EXPECT_EQ(finding_of(elsewhere.url()), "wrong-host");
}

TEST_F(DiagnoseUpstreamTest, ABrokerThatKnowsTheConfiguredClientIdAloneIsExplained) {
    const auto strict = broker("DNS:localhost", "clientid_prefixes known-\n");
    EXPECT_EQ(diagnose(strict.url(), {}), ExitCode::kFailed);
    EXPECT_THAT(out_, HasSubstr("Verdict: connack-refused"));
    // Lines are wrapped wherever the words allow.
    std::ranges::replace(out_, '\n', ' ');
    EXPECT_THAT(out_, HasSubstr("--client-id gw-1"));
    EXPECT_EQ(diagnose(strict.url(), {"--client-id", "known-1"}), ExitCode::kOk) << out_;
}

TEST_F(DiagnoseUpstreamTest, APublishThatThePolicyForbidsFails) {
    const auto strict = broker();
    EXPECT_EQ(diagnose(strict.url(), {"--publish", "elsewhere"}), ExitCode::kFailed);
    EXPECT_THAT(out_, AllOf(HasSubstr("PUBACK: not authorized (0x87)"), HasSubstr("Verdict: publish-refused"),
                            HasSubstr("what to try:")));
}

TEST_F(DiagnoseUpstreamTest, WrongArgumentsAndAnUnknownUpstreamAreTold) {
    EXPECT_EQ(diagnose("mqtts://localhost:1", {"--timeout", "soon"}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("a time-out is written as 60s"));
    EXPECT_EQ(diagnose("mqtts://localhost:1", {"--last", "--publish", "x"}), ExitCode::kUsage);
    // Without a daemon there is nothing to show.
    EXPECT_EQ(diagnose("mqtts://localhost:1", {"--last"}), ExitCode::kNotRunning);
    EXPECT_THAT(out_, Not(HasSubstr("Verdict")));
}

}  // namespace
}  // namespace narrowgate::daemon
