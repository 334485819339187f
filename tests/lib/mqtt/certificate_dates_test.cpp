// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/certificate_dates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "fakes/pki.hpp"

namespace narrowgate::mqtt {
namespace {

using std::chrono::days;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Role = CertificateDates::Role;

const WallTime kNow{seconds(1'767'225'600)};  // 2026-01-01

CertificateDates one(Role role, WallTime from, WallTime to) {
    return {.role = role, .file = "/tls/gw.crt", .subject = "CN=gw-1", .not_before = from, .not_after = to};
}
CertificateDates until(Role role, WallTime to) {
    return one(role, kNow - days(300), to);
}

TEST(CertificateDatesTest, WithMoreThanThirtyDaysLeftThereIsNothingToSay) {
    EXPECT_THAT(
        findings_of({until(Role::kOwn, kNow + days(31)), until(Role::kRoot, kNow + days(31))}, "aws", kNow),
        IsEmpty());
}

TEST(CertificateDatesTest, ThirtyAndSevenDaysAheadAreTwoUrgenciesAndTheEndIsTheThird) {
    struct Case {
        WallTime::duration left;
        Urgency urgency;
        const char* words;
    };
    for (const Case& expected :
         {Case{days(30), Urgency::kNotice, "expires in 30 days, on 2026-01-31"},
          Case{days(7) + seconds(1), Urgency::kNotice, "expires in 7 days, on 2026-01-08"},
          Case{days(7), Urgency::kUrgent, "expires in 7 days, on 2026-01-08"},
          Case{days(1), Urgency::kUrgent, "expires in 1 day, on 2026-01-02"},
          Case{seconds(5), Urgency::kUrgent, "expires in 0 days, on 2026-01-01"},
          Case{-seconds(1), Urgency::kOutside, "expired on 2025-12-31"}}) {
        const auto findings = findings_of({until(Role::kOwn, kNow + expected.left)}, "aws", kNow);
        ASSERT_THAT(findings, SizeIs(1)) << expected.words;
        EXPECT_EQ(findings[0].urgency, expected.urgency) << expected.words;
        EXPECT_THAT(findings[0].error.text(),
                    AllOf(HasSubstr("upstream aws: the certificate in /tls/gw.crt (CN=gw-1)"),
                          HasSubstr(expected.words), HasSubstr("renew it")));
        EXPECT_EQ(is_a_problem(findings[0]), expected.urgency == Urgency::kOutside);
    }
}

TEST(CertificateDatesTest, OneThatIsNotYetValidPointsToTheClock) {
    const auto findings = findings_of({one(Role::kOwn, kNow + days(2), kNow + days(300))}, "aws", kNow);
    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_TRUE(is_a_problem(findings[0]));
    EXPECT_THAT(findings[0].error.text(),
                AllOf(HasSubstr("not valid before 2026-01-03"), HasSubstr("clock")));
}

TEST(CertificateDatesTest, TheMostUrgentIsFirst) {
    const auto findings =
        findings_of({until(Role::kOwn, kNow + days(20)), until(Role::kIntermediate, kNow + days(3)),
                     until(Role::kRoot, kNow - days(1))},
                    "aws", kNow);
    ASSERT_THAT(findings, SizeIs(3));
    EXPECT_EQ(findings[0].role, Role::kRoot);
    EXPECT_EQ(findings[1].role, Role::kIntermediate);
    EXPECT_EQ(findings[2].role, Role::kOwn);
    EXPECT_FALSE(is_a_problem(findings[0])) << "the broker may be known by a root that we cannot see";
}

// A bundle keeps old roots beside new ones.
TEST(CertificateDatesTest, AnExpiredRootIsTroubleOnlyWhenNoOtherHolds) {
    EXPECT_THAT(
        findings_of({until(Role::kRoot, kNow - days(1)), until(Role::kRoot, kNow + days(900))}, "aws", kNow),
        IsEmpty());
    EXPECT_THAT(
        findings_of({until(Role::kRoot, kNow - days(1)), until(Role::kRoot, kNow - days(9))}, "aws", kNow),
        SizeIs(2));
    EXPECT_THAT(
        findings_of({until(Role::kRoot, kNow + days(9)), until(Role::kRoot, kNow + days(900))}, "aws", kNow),
        SizeIs(1))
        << "one that will end soon may be the broker's";
}

TEST(CertificateDatesTest, AllCertificatesOfBothFilesAreRead) {
    fakes::Pki pki;
    const fakes::KeyPair authority = pki.intermediate("middle");
    const fakes::KeyPair client =
        pki.issue({.file_name = "gw-1", .common_name = "gw-1", .issuer = &authority});
    std::ofstream(client.certificate, std::ios::app) << std::ifstream(authority.certificate).rdbuf();
    ConnectionOptions options;
    options.ca_file = pki.root();
    options.certificate_file = client.certificate;
    options.key_file = client.key;
    const auto dates = dates_of(options);
    ASSERT_THAT(dates, SizeIs(3));
    EXPECT_EQ(dates[0].role, Role::kOwn);
    EXPECT_EQ(dates[0].subject, "CN=gw-1");
    EXPECT_EQ(dates[1].role, Role::kIntermediate);
    EXPECT_EQ(dates[2].role, Role::kRoot);
    const WallTime now = SystemClock{}.now().wall;
    EXPECT_GT(dates[0].not_after, now + std::chrono::hours(47));
    EXPECT_LT(dates[0].not_after, now + std::chrono::hours(49));
    EXPECT_LT(dates[0].not_before, now);
    options.certificate_file = "/nowhere";
    EXPECT_THAT(dates_of(options), SizeIs(1));
}

}  // namespace
}  // namespace narrowgate::mqtt
