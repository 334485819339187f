// SPDX-License-Identifier: Apache-2.0
//
// What is found wrong with certificate and key files before a packet is sent, and what is doubted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "fakes/pki.hpp"
#include "narrowgate/mqtt/certificate_dates.hpp"
#include "narrowgate/mqtt/options.hpp"

namespace narrowgate::mqtt {
namespace {

using std::filesystem::perms;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

class CertificatesTest : public testing::Test {
protected:
    CertificatesTest() {
        options_.name = "aws";
        options_.url = "mqtts://broker.example";
        options_.client_id = "gw-1";
        options_.ca_file = pki_.root();
        options_.certificate_file = client_.certificate;
        options_.key_file = client_.key;
    }

    std::filesystem::path file(const std::string& name, const std::string& text,
                               perms mode = perms::owner_read | perms::owner_write) {
        const auto path = pki_.directory() / name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, mode);
        return path;
    }
    // The only problem there is.
    std::string problem() const {
        const auto problems = problems_of(options_, SystemClock{}.now().wall);
        if (problems.size() == 1) return problems[0].text();
        std::string words = std::to_string(problems.size()) + " problems:";
        for (const Error& error : problems)
            words += "\n" + error.text();
        return words;
    }
    std::vector<Error> doubts() const { return doubts_of(options_); }

    fakes::Pki pki_;
    fakes::KeyPair client_ = pki_.client("gw-1");
    ConnectionOptions options_;
};

TEST_F(CertificatesTest, ACertificateFileWithoutACertificateSaysWhatItHolds) {
    options_.certificate_file = file("empty.pem", "# nothing yet\n");
    EXPECT_THAT(problem(), AllOf(HasSubstr("certificate_file"),
                                 HasSubstr("empty.pem holds no certificate in PEM; put")));
    options_.certificate_file = client_.key;
    EXPECT_THAT(problem(), AllOf(HasSubstr("holds no certificate in PEM, but a private key"),
                                 HasSubstr("name the certificate's file")));
}

TEST_F(CertificatesTest, AKeyFileThatHoldsTheCertificateSaysSo) {
    options_.key_file = file("swapped.pem", text_of(client_.certificate));
    EXPECT_THAT(problem(), AllOf(HasSubstr("swapped.pem holds no private key in PEM, but a certificate"),
                                 HasSubstr("name the key's file")));
}

TEST_F(CertificatesTest, OneFileMayHoldBothButNotForOthersToRead) {
    const std::string both = text_of(client_.certificate) + text_of(client_.key);
    options_.certificate_file = options_.key_file = file("both.pem", both);
    EXPECT_EQ(problem(), "0 problems:");
    options_.key_file = client_.key;
    std::filesystem::permissions(options_.certificate_file, perms::others_read,
                                 std::filesystem::perm_options::add);
    EXPECT_THAT(problem(), AllOf(HasSubstr("both.pem holds a private key too"), HasSubstr("chmod 600"),
                                 HasSubstr("make a new one")));
}

// paho would ask for the pass phrase on a terminal that nobody watches.
TEST_F(CertificatesTest, AnEncryptedKeyIsRefusedWithTheCommandThatDecryptsIt) {
    for (const char* const form : {"pkcs8", "traditional"}) {
        const auto encrypted = pki_.directory() / (std::string(form) + ".key");
        const std::filesystem::path log = pki_.directory() / "openssl.log";
        if (std::string(form) == "pkcs8") {
            fakes::run({"openssl", "pkcs8", "-topk8", "-in", client_.key, "-passout", "pass:secret", "-out",
                        encrypted},
                       log);
        } else {
            fakes::run({"openssl", "ec", "-aes128", "-in", client_.key, "-passout", "pass:secret", "-out",
                        encrypted},
                       log);
        }
        std::filesystem::permissions(encrypted, perms::owner_read);
        options_.key_file = encrypted;
        EXPECT_THAT(problem(), AllOf(HasSubstr("behind a pass phrase"),
                                     HasSubstr("openssl pkey -in " + encrypted.string() + " -out")))
            << form;
    }
}

TEST_F(CertificatesTest, FilesThatAreCutOffAreDamagedAndNotMerelyShort) {
    const std::string whole = text_of(client_.certificate);
    options_.certificate_file = file("cut.pem", whole + whole.substr(0, whole.size() / 2));
    EXPECT_THAT(problem(), AllOf(HasSubstr("certificate_file"), HasSubstr("block 2 in it cannot be read")));
    options_.certificate_file = client_.certificate;
    const std::string root = text_of(pki_.root());
    options_.ca_file = file("cut-ca.pem", root + root.substr(0, root.size() - 40));
    EXPECT_THAT(problem(),
                AllOf(HasSubstr("ca_file"), HasSubstr("block 2"), HasSubstr("copy the whole file again")));
}

TEST_F(CertificatesTest, ACaFileThatHoldsNoAuthorityIsFound) {
    options_.ca_file = pki_.server("broker", "DNS:localhost").certificate;
    EXPECT_THAT(problem(), AllOf(HasSubstr("holds no authority's certificate: CN=broker may sign no other"),
                                 HasSubstr("not the broker's own")));
}

TEST_F(CertificatesTest, AKeyOfALaterCertificateSaysThatTheOrderIsWrong) {
    options_.certificate_file = file("order.pem", text_of(pki_.root()) + text_of(client_.certificate));
    EXPECT_THAT(problem(),
                AllOf(HasSubstr("that of a later certificate"), HasSubstr("put our own certificate first")));
}

TEST_F(CertificatesTest, AMismatchNamesBothFilesAndTheSubject) {
    options_.key_file = pki_.client("gw-2").key;
    EXPECT_THAT(problem(), AllOf(HasSubstr("gw-2.key is not that of the certificate in"),
                                 HasSubstr("(CN=gw-1)"), HasSubstr("made together")));
}

TEST_F(CertificatesTest, ADateIsNoProblemForWhoDoesNotAskForIt) {
    const fakes::KeyPair old = pki_.issue({.file_name = "old",
                                           .common_name = "old",
                                           .from = std::chrono::hours(-48),
                                           .to = std::chrono::hours(-24)});
    options_.certificate_file = old.certificate;
    options_.key_file = old.key;
    EXPECT_THAT(problem(), AllOf(HasSubstr("(CN=old) expired on 20"), HasSubstr("renew it")));
    EXPECT_THAT(problems_of(options_, std::nullopt), IsEmpty());
}

TEST_F(CertificatesTest, GoodFilesRaiseNoDoubt) {
    EXPECT_THAT(doubts(), IsEmpty());
}

TEST_F(CertificatesTest, ACertificateForServersAloneIsDoubted) {
    const fakes::KeyPair server = pki_.server("gw-server", "DNS:gw");
    options_.certificate_file = server.certificate;
    options_.key_file = server.key;
    ASSERT_THAT(doubts(), SizeIs(1));
    EXPECT_THAT(doubts()[0].text(), AllOf(HasSubstr("not made for clients"), HasSubstr("clientAuth")));
    EXPECT_EQ(problem(), "0 problems:") << "some brokers take it";
}

TEST_F(CertificatesTest, AChainWhoseLinksDoNotFitIsDoubted) {
    const fakes::KeyPair middle = pki_.intermediate("middle");
    const fakes::KeyPair leaf = pki_.issue({.file_name = "leaf", .common_name = "leaf", .issuer = &middle});
    options_.key_file = leaf.key;
    options_.certificate_file = file("good.pem", text_of(leaf.certificate) + text_of(middle.certificate));
    EXPECT_THAT(doubts(), IsEmpty());
    options_.certificate_file = file("broken.pem", text_of(leaf.certificate) + text_of(pki_.root()));
    ASSERT_THAT(doubts(), SizeIs(1));
    EXPECT_THAT(doubts()[0].text(),
                AllOf(HasSubstr("the chain in"), HasSubstr("CN=leaf is followed by CN=Throw-away root"),
                      HasSubstr("then its issuer's")));
}

}  // namespace
}  // namespace narrowgate::mqtt
