// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "fakes/pki.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(EndpointTest, AHostMayBeANameOrAnAddressWithOrWithoutAPort) {
    struct Case {
        const char* url;
        const char* host;
        std::uint16_t port;
    };
    for (const Case& expected :
         {Case{"mqtts://broker.example:8884", "broker.example", 8884},
          Case{"mqtts://broker.example", "broker.example", 8883},
          Case{"mqtts://broker.example:443/", "broker.example", 443},
          Case{"mqtts://192.0.2.1:1", "192.0.2.1", 1},
          Case{"mqtts://[2001:db8::1]:8883", "2001:db8::1", 8883}, Case{"mqtts://[::1]", "::1", 8883}}) {
        const auto endpoint = endpoint_of(expected.url);
        ASSERT_TRUE(endpoint) << expected.url << ": " << endpoint.error().what;
        EXPECT_EQ(endpoint->host, expected.host);
        EXPECT_EQ(endpoint->port, expected.port);
    }
}

TEST(EndpointTest, WhatIsNoBrokersUrlIsRefusedWithAnExample) {
    for (const char* url : {"",
                            "broker.example",
                            "mqtt://broker.example",
                            "ssl://broker.example",
                            "mqtts://",
                            "mqtts://:8883",
                            "mqtts://b:",
                            "mqtts://b:0",
                            "mqtts://b:65536",
                            "mqtts://b:8883x",
                            "mqtts://2001:db8::1:8883",
                            "mqtts://[::1",
                            "mqtts://[::1]8883",
                            "mqtts://user@host",
                            "mqtts://host/path",
                            "mqtts://a b",
                            "mqtts://a\nb",
                            "mqtts://[broker.example]",
                            "mqtts://192.0.2.256",
                            "mqtts://192.0.2",
                            "mqtts://b..example",
                            "mqtts://.example"}) {
        const auto endpoint = endpoint_of(url);
        ASSERT_FALSE(endpoint) << url;
        EXPECT_THAT(endpoint.error().cure, HasSubstr("mqtts://broker.example:8883"));
    }
}

TEST(EndpointTest, APasswordIsNotRepeated) {
    for (const char* url :
         {"mqtts://gw-1:verysecret@broker.example", "mqtt://gw-1:verysecret@broker.example:1883"}) {
        const auto endpoint = endpoint_of(url);
        ASSERT_FALSE(endpoint);
        EXPECT_THAT(endpoint.error().what,
                    AllOf(HasSubstr("@broker.example"), testing::Not(HasSubstr("secret"))));
    }
}

class ProblemsTest : public testing::Test {
protected:
    ConnectionOptions good() {
        ConnectionOptions options;
        options.name = "aws";
        options.url = "mqtts://broker.example";
        options.client_id = "gw-1";
        options.ca_file = pki_.root();
        options.certificate_file = client_.certificate;
        options.key_file = client_.key;
        return options;
    }
    std::string words_of(const ConnectionOptions& options, WallTime now) {
        std::string words;
        for (const Error& error : problems_of(options, now))
            words += error.text() + "\n";
        return words;
    }
    std::string words_of(const ConnectionOptions& options) { return words_of(options, now_); }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    WallTime now_ = SystemClock{}.now().wall;
};

TEST_F(ProblemsTest, GoodOptionsHaveNone) {
    EXPECT_EQ(words_of(good()), "");
}

TEST_F(ProblemsTest, AllAreToldAndNotOnlyTheFirst) {
    ConnectionOptions options = good();
    options.url = "http://x";
    options.window = kMaxWindow + 1;
    options.keep_alive = seconds(0);
    options.key_file = pki_.directory() / "missing.key";
    EXPECT_THAT(words_of(options),
                AllOf(HasSubstr("mqtts://"), HasSubstr("window of 91"), HasSubstr("keep_alive of 0 s"),
                      HasSubstr("missing.key cannot be read: No such file")));
}

TEST_F(ProblemsTest, AKeyThatIsNotTheCertificatesIsFound) {
    ConnectionOptions options = good();
    options.key_file = pki_.client("gw-2").key;
    EXPECT_THAT(words_of(options), HasSubstr("is not that of the certificate in"));
}

TEST_F(ProblemsTest, ACertificateOutsideItsTimeIsFound) {
    EXPECT_THAT(words_of(good(), now_ + std::chrono::hours(24 * 30)), HasSubstr("expired on 20"));
    EXPECT_THAT(words_of(good(), now_ - std::chrono::hours(24 * 30)), HasSubstr("is not valid before 20"));
}

TEST_F(ProblemsTest, FilesThatHoldSomethingElseAreFound) {
    const auto junk = pki_.directory() / "junk.pem";
    std::ofstream(junk) << "-----BEGIN CERTIFICATE-----\nnot really\n-----END CERTIFICATE-----\n";
    std::filesystem::permissions(junk, std::filesystem::perms::owner_read);
    ConnectionOptions options = good();
    options.ca_file = options.certificate_file = options.key_file = junk;
    EXPECT_THAT(words_of(options),
                AllOf(HasSubstr("ca_file"), HasSubstr("certificate_file"), HasSubstr("key_file")));
    options.key_file = pki_.directory();
    EXPECT_THAT(words_of(options), HasSubstr("is not a file"));
}

// A FIFO in place of a file would hold the upstream's thread for ever.
TEST_F(ProblemsTest, ADeviceOrPipeInPlaceOfAFileDoesNotHoldUs) {
    ConnectionOptions options = good();
    options.ca_file = "/dev/zero";
    EXPECT_THAT(words_of(options), HasSubstr("is not a file"));
}

}  // namespace
}  // namespace narrowgate::mqtt
