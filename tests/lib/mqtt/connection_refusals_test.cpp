// SPDX-License-Identifier: Apache-2.0
//
// Promise P8, nothing is trusted by default, and that each refusal says who refused whom, why, and what to
// do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "events.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RefusalTest : public testing::Test {
protected:
    fakes::Mosquitto broker(const fakes::KeyPair& certificate, const std::filesystem::path& root,
                            const std::string& further_lines = "") {
        return fakes::Mosquitto({.certificate = certificate,
                                 .root = root,
                                 .access_rules = {},
                                 .further_lines = further_lines,
                                 .tls_1_2_only = false});
    }
    std::string words_of_attempt(const ConnectionOptions& options) {
        auto connection = Connection::open(options, events_.post());
        EXPECT_TRUE(connection.has_value());
        (*connection)->connect();
        std::string words = events_.next_words();
        return words;
    }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    Events events_;
};

TEST_F(RefusalTest, ABrokerOfAnotherAuthorityIsNotTrusted) {
    fakes::Pki other("Somebody else");
    const auto impostor = broker(other.server("broker", "DNS:localhost"), pki_.root());
    EXPECT_THAT(words_of_attempt(options_for(impostor, pki_, client_)),
                AllOf(HasSubstr("failed: upstream aws"), HasSubstr("authority that ca_file does not hold"),
                      HasSubstr("put the broker's root into ca_file")));
}

TEST_F(RefusalTest, ABrokerWithTheNameOfAnotherHostIsNotTrusted) {
    const auto other_host = broker(pki_.server("broker", "DNS:elsewhere.example"), pki_.root());
    EXPECT_THAT(words_of_attempt(options_for(other_host, pki_, client_)),
                AllOf(HasSubstr("failed: upstream aws"), HasSubstr("not one for the host in url")));
    EXPECT_THAT(other_host.log(), testing::Not(HasSubstr("Received CONNECT")));
}

TEST_F(RefusalTest, ABrokerWhoseCertificateHasExpiredIsNotTrusted) {
    const auto expired = broker(pki_.expired_server("broker", "DNS:localhost"), pki_.root());
    EXPECT_THAT(words_of_attempt(options_for(expired, pki_, client_)),
                AllOf(HasSubstr("has expired"), HasSubstr("check the clock")));
}

TEST_F(RefusalTest, ACertificateThatTheBrokerDoesNotKnowIsSaidToBeTheReasonInTls13) {
    fakes::Pki other("Somebody else");
    const auto strict = broker(pki_.server("broker", "DNS:localhost"), pki_.root(), "tls_version tlsv1.3\n");
    EXPECT_THAT(words_of_attempt(options_for(strict, pki_, other.client("gw-1"))),
                AllOf(HasSubstr("the broker does not know the authority of our certificate"),
                      HasSubstr("register our certificate")));
}

TEST_F(RefusalTest, ACertificateThatTheBrokerDoesNotKnowIsSaidToBeTheReasonInTls12) {
    fakes::Pki other("Somebody else");
    fakes::Mosquitto strict({.certificate = pki_.server("broker", "DNS:localhost"),
                             .root = pki_.root(),
                             .access_rules = {},
                             .further_lines = {},
                             .tls_1_2_only = true});
    EXPECT_THAT(words_of_attempt(options_for(strict, pki_, other.client("gw-1"))),
                AllOf(HasSubstr("the broker does not know the authority of our certificate"),
                      HasSubstr("register our certificate")));
}

TEST_F(RefusalTest, AKeyFileThatOthersCanReadIsRefusedWithTheChmod) {
    const auto good = broker(pki_.server("broker", "DNS:localhost"), pki_.root());
    for (const auto mode : {std::filesystem::perms::group_read, std::filesystem::perms::others_read,
                            std::filesystem::perms::group_write}) {
        std::filesystem::permissions(client_.key, std::filesystem::perms::owner_read | mode);
        EXPECT_THAT(words_of_attempt(options_for(good, pki_, client_)),
                    AllOf(HasSubstr("open to others than its owner"),
                          HasSubstr("chmod 600 " + client_.key.string())));
    }
}

TEST_F(RefusalTest, APortThatSpeaksNoTlsIsSaidToBeOne) {
    fakes::Mosquitto plain({.certificate = pki_.server("broker", "DNS:localhost"),
                            .root = pki_.root(),
                            .access_rules = {},
                            .further_lines = {},
                            .tls_1_2_only = false});
    ConnectionOptions options = options_for(plain, pki_, client_);
    // A listener that takes TCP and says nothing: the broker is stopped by signal.
    plain.freeze();
    options.connect_timeout = seconds(2);
    EXPECT_THAT(words_of_attempt(options),
                AllOf(HasSubstr("our ClientHello has arrived, but nothing has come back"),
                      HasSubstr("check host and port")));
    plain.thaw();
}

TEST_F(RefusalTest, AClientIdThatTheBrokerRefusesIsNamedWithTheReason) {
    const auto strict =
        broker(pki_.server("broker", "DNS:localhost"), pki_.root(), "clientid_prefixes known-\n");
    EXPECT_THAT(words_of_attempt(options_for(strict, pki_, client_)),
                AllOf(HasSubstr("the broker refused client_id gw-1"), HasSubstr("0x8")));
}

TEST_F(RefusalTest, AHostNameThatDoesNotExistIsNamed) {
    const auto good = broker(pki_.server("broker", "DNS:localhost"), pki_.root());
    ConnectionOptions options = options_for(good, pki_, client_);
    options.url = "mqtts://broker.invalid:8883";  // RFC 6761 section 6.4
    EXPECT_THAT(words_of_attempt(options), HasSubstr("broker.invalid"));
}

}  // namespace
}  // namespace narrowgate::mqtt
