// SPDX-License-Identifier: Apache-2.0
//
// What is read off a trace; all traces here are made by hand. Those of real brokers are in trace_test.cpp.
#include "narrowgate/mqtt/diagnosis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include <set>
#include <string>

#include "trace_builder.hpp"

namespace narrowgate::mqtt {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = TraceStep::Kind;
using End = Outcome::End;

ConnectionOptions options(const std::string& url = "mqtts://broker.example:8883") {
    ConnectionOptions options;
    options.name = "aws";
    options.url = url;
    options.client_id = "gw-1";
    return options;
}

const Outcome kFailed{.end = End::kFailed, .error = {"TCP/TLS connect failure", ""}};
const Outcome kTimedOut{.end = End::kFailed, .error = {"TCP connect timeout", ""}, .timed_out = true};

// Every diagnosis of a failure has words for a person.
Diagnosis diagnosis_of(TraceBuilder& trace, const Outcome& outcome = kFailed,
                       const ConnectionOptions& of = options()) {
    Diagnosis diagnosis = diagnose(of, trace.trace(), outcome);
    EXPECT_THAT(diagnosis.what, Not(IsEmpty()));
    if (diagnosis.finding != Finding::kOk) {
        EXPECT_THAT(diagnosis.cause, Not(IsEmpty())) << diagnosis.what;
        EXPECT_THAT(diagnosis.advice, Not(IsEmpty())) << diagnosis.what;
    }
    return diagnosis;
}

TEST(DiagnosisTest, NamesAreThoseThatProgramsKnow) {
    std::set<std::string_view> names;
    for (auto finding = static_cast<int>(Finding::kOk); finding <= static_cast<int>(Finding::kTimeout);
         ++finding)
        names.insert(name_of(static_cast<Finding>(finding)));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(Finding::kTimeout) + 1);
    for (const auto* name : {"ok",
                             "name-not-found",
                             "dns-slow",
                             "refused",
                             "filtered",
                             "black-hole",
                             "stall-after-client-hello",
                             "stall-after-our-flight",
                             "server-alert",
                             "unknown-root",
                             "expired",
                             "not-yet-valid",
                             "wrong-host",
                             "client-certificate-refused",
                             "alpn-missing",
                             "connack-refused",
                             "closed-without-a-word",
                             "duplicate-client-id",
                             "publish-refused",
                             "files",
                             "timeout"}) {
        EXPECT_TRUE(names.contains(name)) << name;
    }
}

TEST(DiagnosisTest, AGoodAttemptIsOkUnlessItsNameTookSeconds) {
    TraceBuilder quick;
    quick.flights_of_tls_1_3().step(Kind::kConnack, "accepted; receive maximum 100");
    EXPECT_EQ(diagnosis_of(quick, {.end = End::kConnected}).finding, Finding::kOk);
    EXPECT_THAT(diagnosis_of(quick, {.end = End::kConnected}).what, HasSubstr("receive maximum 100"));

    TraceBuilder slow;
    slow.after(milliseconds(5100)).flights_of_tls_1_3();
    const Diagnosis diagnosis = diagnosis_of(slow, {.end = End::kConnected});
    EXPECT_EQ(diagnosis.finding, Finding::kDnsSlow);
    EXPECT_THAT(diagnosis.what, HasSubstr("the look-up of the name took 5.1 s"));
}

TEST(DiagnosisTest, ANameThatIsNotThereIsToldFromAResolverThatIsNot) {
    const Outcome outcome{.end = End::kFailed, .error = {"the name broker.example …", "correct it"}};
    TraceBuilder unknown;
    unknown.step(Kind::kResolveFailed, "does not exist", TraceStep::kNoSuchName);
    EXPECT_EQ(diagnosis_of(unknown, outcome).finding, Finding::kNameNotFound);
    TraceBuilder silent;
    silent.step(Kind::kResolveFailed, "no answer", TraceStep::kNoAnswer);
    EXPECT_EQ(diagnosis_of(silent, outcome).finding, Finding::kDnsSlow);
    TraceBuilder trouble;
    trouble.step(Kind::kResolveFailed, "out of memory", TraceStep::kResolverTrouble);
    EXPECT_EQ(diagnosis_of(trouble, outcome).finding, Finding::kDnsSlow);
}

TEST(DiagnosisTest, APortThatRefusesIsToldFromOneThatIsFiltered) {
    TraceBuilder refused;
    refused.step(Kind::kConnectFailed, "192.0.2.1:8883: Connection refused", ECONNREFUSED);
    EXPECT_EQ(diagnosis_of(refused).finding, Finding::kRefused);
    EXPECT_THAT(diagnosis_of(refused).what, HasSubstr("192.0.2.1:8883: Connection refused"));
    TraceBuilder filtered;
    filtered.step(Kind::kConnectFailed, "192.0.2.1:8883: no answer", ETIMEDOUT);
    EXPECT_EQ(diagnosis_of(filtered).finding, Finding::kFiltered);
    TraceBuilder no_route;
    no_route.step(Kind::kConnectFailed, "192.0.2.1:8883: No route to host", EHOSTUNREACH);
    EXPECT_EQ(diagnosis_of(no_route).finding, Finding::kFiltered);
    EXPECT_THAT(diagnosis_of(no_route).cause, HasSubstr("route"));
}

TEST(DiagnosisTest, SilenceAfterClientHelloIsAStallThere) {
    TraceBuilder trace;
    trace.hello().after(seconds(30));
    const Diagnosis diagnosis = diagnosis_of(trace, kTimedOut);
    EXPECT_EQ(diagnosis.finding, Finding::kStallAfterClientHello);
    EXPECT_THAT(diagnosis.what, HasSubstr("ClientHello has arrived"));
}

TEST(DiagnosisTest, LargePacketsThatNeverComeAreABlackHole) {
    // The tail of the broker's flight came, the full segments before it did not: nothing can be read.
    TraceBuilder behind;
    behind.hello().after(seconds(30));
    behind.trace().tcp->out_of_order = 2;
    EXPECT_EQ(diagnosis_of(behind, kTimedOut).finding, Finding::kBlackHole);

    // ServerHello came in a small packet of its own, and of the certificates a part.
    TraceBuilder part;
    part.hello().received(2, 95).after(seconds(30));
    part.trace().bytes_from_server += 1298;
    part.trace().partial_from_server =
        PartialRecord{.content_type = 22, .seen_bytes = 1298, .size_bytes = 3712};
    const Diagnosis diagnosis = diagnosis_of(part, kTimedOut);
    EXPECT_EQ(diagnosis.finding, Finding::kBlackHole);
    EXPECT_THAT(diagnosis.what, HasSubstr("1298 of a record's 3712 bytes"));
    EXPECT_THAT(diagnosis.advice, HasSubstr("advmss"));

    // The other way round: ours are not confirmed.
    TraceBuilder out;
    out.flights_of_tls_1_2().after(seconds(30));
    out.trace().tcp->unacknowledged = 1;
    out.trace().tcp->retransmissions = 6;
    EXPECT_EQ(diagnosis_of(out, kTimedOut).finding, Finding::kBlackHole);
    EXPECT_THAT(diagnosis_of(out, kTimedOut).what, HasSubstr("6 retransmissions"));
}

// A field case: over one satellite modem the handshake with AWS stood still where ChangeCipherSpec was
// awaited. The modem's buffer was smaller than a TCP segment; reads came as 1393 bytes, then 2, then the
// rest, and the two in the middle were wrong. The broker could not read what followed and said nothing.
TEST(DiagnosisTest, ASatelliteModemThatSpoilsTwoBytesShowsItsReadsAndTheAwaitedChangeCipherSpec) {
    TraceBuilder trace;
    trace.after(milliseconds(1280)).flights_of_tls_1_2().after(seconds(60));
    trace.trace().last_reads = {1393, 2, 2817};
    const Diagnosis diagnosis = diagnosis_of(trace, kTimedOut);
    EXPECT_EQ(diagnosis.finding, Finding::kStallAfterOurFlight);
    EXPECT_THAT(diagnosis.what, HasSubstr("its ChangeCipherSpec has not come for 60.0 s"));
    EXPECT_THAT(diagnosis.what, HasSubstr("the last reads were of 1393, 2, 2817 bytes"));
    EXPECT_THAT(diagnosis.cause, HasSubstr("a modem or middlebox with too small a buffer"));
    EXPECT_THAT(diagnosis.advice, HasSubstr("socket buffer, which must hold a whole TCP segment"));
}

TEST(DiagnosisTest, SilenceAfterOurFlightOfTls13IsAStallThereAndAfterTicketsATimeout) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3().after(seconds(60));
    EXPECT_EQ(diagnosis_of(trace, kTimedOut).finding, Finding::kStallAfterOurFlight);
    trace.received(std::nullopt, 255, 23).after(seconds(60));
    const Diagnosis diagnosis = diagnosis_of(trace, kTimedOut);
    EXPECT_EQ(diagnosis.finding, Finding::kTimeout);
    EXPECT_THAT(diagnosis.what, HasSubstr("TLS stands and CONNECT has gone, but CONNACK has not come"));
}

TEST(DiagnosisTest, AlertsOfTheBrokerAreAboutOurCertificateOrAboutTls) {
    for (const int about_certificate : {42, 43, 44, 45, 46, 48, 49, 51, 116}) {
        TraceBuilder trace;
        trace.flights_of_tls_1_2().alert(Direction::kFromServer, about_certificate);
        EXPECT_EQ(diagnosis_of(trace).finding, Finding::kClientCertificateRefused) << about_certificate;
    }
    for (const int about_tls : {40, 47, 50, 70, 71, 80, 112}) {
        TraceBuilder trace;
        trace.hello().alert(Direction::kFromServer, about_tls);
        EXPECT_EQ(diagnosis_of(trace).finding, Finding::kServerAlert) << about_tls;
    }
    // "handshake failure" after our certificate is how some refuse it.
    TraceBuilder late;
    late.flights_of_tls_1_2().alert(Direction::kFromServer, 40);
    EXPECT_EQ(diagnosis_of(late).finding, Finding::kClientCertificateRefused);
    TraceBuilder revoked;
    revoked.flights_of_tls_1_2().alert(Direction::kFromServer, 44);
    EXPECT_THAT(
        diagnosis_of(revoked).what,
        HasSubstr(
            "the broker says our certificate is revoked (the broker's TLS alert \"certificate revoked\")"));
}

TEST(DiagnosisTest, AChainThatDoesNotVerifyIsNamedByItsReasonAndShown) {
    const std::vector<std::pair<int, Finding>> reasons = {
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, Finding::kUnknownRoot},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, Finding::kUnknownRoot},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, Finding::kUnknownRoot},
        {X509_V_ERR_CERT_HAS_EXPIRED, Finding::kExpired},
        {X509_V_ERR_CERT_NOT_YET_VALID, Finding::kNotYetValid},
        {X509_V_ERR_INVALID_PURPOSE, Finding::kBadChain}};
    for (const auto& [code, finding] : reasons) {
        TraceBuilder trace;
        trace.hello().received(2, 95).received(11, 3712).certificate();
        trace.step(Kind::kVerified, "words", code).alert(Direction::kToServer, 48);
        const Diagnosis diagnosis = diagnosis_of(trace);
        EXPECT_EQ(diagnosis.finding, finding) << code;
        EXPECT_THAT(diagnosis.what, HasSubstr("CN=broker, issued by CN=root, valid from 2026-01-01"));
    }
}

TEST(DiagnosisTest, ACertificateOfAnotherHostIsShownWithItsNames) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3().step(Kind::kHostName, "the certificate is not for 192.0.2.1", 1);
    const Diagnosis diagnosis = diagnosis_of(trace);
    EXPECT_EQ(diagnosis.finding, Finding::kWrongHost);
    EXPECT_THAT(diagnosis.what, HasSubstr("for broker.example"));
}

TEST(DiagnosisTest, WhatAnswersWithoutTlsIsSaidToDoSo) {
    TraceBuilder trace;
    trace.hello();
    trace.trace().bytes_from_server = 180;
    trace.alert(Direction::kToServer, 70);
    EXPECT_EQ(diagnosis_of(trace).finding, Finding::kNotTls);
}

TEST(DiagnosisTest, OurOwnAlertsAreToldAsOurs) {
    TraceBuilder trace;
    trace.hello().received(2, 95).alert(Direction::kToServer, 70);
    EXPECT_EQ(diagnosis_of(trace).finding, Finding::kTlsFailed);
    EXPECT_THAT(diagnosis_of(trace).what, HasSubstr("our TLS alert"));
}

TEST(DiagnosisTest, Port443WithoutAnApplicationProtocolIsTheReason) {
    const ConnectionOptions aws = options("mqtts://broker.example:443");
    TraceBuilder closed;
    closed.flights_of_tls_1_3().step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(closed, kFailed, aws).finding, Finding::kAlpnMissing);
    EXPECT_THAT(diagnosis_of(closed, kFailed, aws).advice, HasSubstr("x-amzn-mqtt-ca"));
    // On another port the same trace means something else.
    EXPECT_EQ(diagnosis_of(closed).finding, Finding::kClosedWithoutAWord);
    // And where one was chosen, too.
    TraceBuilder chosen;
    chosen.flights_of_tls_1_3().step(Kind::kAlpn, "x-amzn-mqtt-ca").step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(chosen, kFailed, aws).finding, Finding::kClosedWithoutAWord);

    TraceBuilder alert;
    alert.hello().alert(Direction::kFromServer, 120);
    EXPECT_EQ(diagnosis_of(alert).finding, Finding::kAlpnMissing);
}

TEST(DiagnosisTest, AwsClosesWithoutAWordAfterOurCertificate) {
    TraceBuilder trace;
    // What OpenSSL says to an end without close_notify is no cause of it.
    trace.flights_of_tls_1_3().step(Kind::kClosed, "the broker closed").alert(Direction::kToServer, 50);
    const Diagnosis diagnosis = diagnosis_of(trace);
    EXPECT_EQ(diagnosis.finding, Finding::kClosedWithoutAWord);
    EXPECT_THAT(diagnosis.cause, HasSubstr("AWS IoT Core does so"));
    EXPECT_THAT(diagnosis.advice, HasSubstr("client_id gw-1"));

    TraceBuilder at_once;
    at_once.hello().step(Kind::kClosed, "the broker closed");
    EXPECT_THAT(diagnosis_of(at_once).what, HasSubstr("before any TLS"));
    TraceBuilder midway;
    midway.hello().received(2, 95).step(Kind::kClosed, "the broker's connection: Connection reset by peer",
                                        ECONNRESET);
    EXPECT_EQ(diagnosis_of(midway).finding, Finding::kClosedWithoutAWord);
    EXPECT_THAT(diagnosis_of(midway).what, HasSubstr("in the middle of the handshake"));
}

TEST(DiagnosisTest, EachReasonOfARefusedConnectHasItsWords) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3();
    std::set<std::string> causes;
    for (const ReasonCode code :
         {ReasonCode::kClientIdNotValid, ReasonCode::kNotAuthorized, ReasonCode::kUnsupportedProtocolVersion,
          ReasonCode::kQuotaExceeded, ReasonCode::kServerBusy, ReasonCode::kBanned, ReasonCode::kServerMoved,
          ReasonCode::kUnspecifiedError}) {
        const Diagnosis diagnosis = diagnosis_of(trace, {.end = End::kRefused, .code = code});
        EXPECT_EQ(diagnosis.finding, Finding::kConnackRefused);
        EXPECT_THAT(diagnosis.what, HasSubstr("refused client_id gw-1: " + to_words(code)));
        EXPECT_TRUE(causes.insert(diagnosis.cause).second) << diagnosis.cause;
    }
}

TEST(DiagnosisTest, AClientThatTookOurIdOverIsNamedOrSuspected) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3().step(Kind::kConnack, "accepted");
    const Outcome named{.end = End::kLost, .code = ReasonCode::kSessionTakenOver};
    EXPECT_EQ(diagnosis_of(trace, named).finding, Finding::kDuplicateClientId);
    trace.after(milliseconds(700)).step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kLost}).finding, Finding::kDuplicateClientId);

    TraceBuilder later;
    later.flights_of_tls_1_3().step(Kind::kConnack, "accepted").after(seconds(600));
    later.step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(later, {.end = End::kLost}).finding, Finding::kLost);
}

TEST(DiagnosisTest, APolicyThatForbidsThePublishIsNamedHoweverTheBrokerSaysIt) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3().step(Kind::kConnack, "accepted").step(Kind::kPublish, "dt/x");
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kPublished, .code = ReasonCode::kNotAuthorized}).finding,
              Finding::kPublishRefused);
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kLost, .code = ReasonCode::kNotAuthorized}).finding,
              Finding::kPublishRefused);
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kUnanswered}).finding, Finding::kTimeout);
    trace.step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kLost}).finding, Finding::kPublishRefused);
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kPublished, .code = ReasonCode::kSuccess}).finding,
              Finding::kOk);
}

// mosquitto 2.0 does: PUBACK 0x87, then the end. Which of the two the library tells first is a matter of
// luck.
TEST(DiagnosisTest, ARefusedPublishExplainsTheLossThatFollowsItButNotOneOfHoursLater) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3().step(Kind::kConnack, "accepted").step(Kind::kPublish, "dt/x");
    trace.step(Kind::kPuback, "not authorized (0x87)", static_cast<int>(ReasonCode::kNotAuthorized));
    TraceBuilder later = trace;
    trace.step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kLost}).finding, Finding::kPublishRefused);
    later.after(seconds(7200)).step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(later, {.end = End::kLost}).finding, Finding::kLost);
}

// A broker that waits for keep-alive ends a connection whose publishes never arrived.
TEST(DiagnosisTest, ACloseLongAfterAPublishIsALossAndNoRefusal) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3().step(Kind::kConnack, "accepted").step(Kind::kPublish, "dt/x");
    trace.after(seconds(67)).step(Kind::kClosed, "the broker closed");
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kLost}).finding, Finding::kLost);
}

// The library answers close_notify by closing, which is seen before the broker's FIN.
TEST(DiagnosisTest, ACloseNotifyOfTheBrokerIsItsClosing) {
    TraceBuilder trace;
    trace.flights_of_tls_1_3().step(Kind::kConnack, "accepted").after(milliseconds(200));
    trace.alert(Direction::kFromServer, 0).alert(Direction::kToServer, 0);
    trace.step(Kind::kClosed, "we closed");
    EXPECT_EQ(diagnosis_of(trace, {.end = End::kLost}).finding, Finding::kDuplicateClientId);
}

TEST(DiagnosisTest, FilesKeepTheirOwnWordsAndTheLogHasWhatAndAdvice) {
    TraceBuilder nothing;
    const Outcome files{.end = End::kFailed,
                        .error = {"upstream aws: key_file k.pem is not a file", "name a PEM file"},
                        .files = true};
    const Diagnosis diagnosis = diagnose(options(), nothing.trace(), files);
    EXPECT_EQ(diagnosis.finding, Finding::kFiles);
    EXPECT_EQ(to_error(options(), diagnosis).text(),
              "upstream aws: key_file k.pem is not a file; name a PEM file");
    EXPECT_EQ(to_error(options(), {Finding::kRefused, "no TCP", "because", "start it"}).text(),
              "upstream aws (mqtts://broker.example:8883): no TCP; start it");
}

}  // namespace
}  // namespace narrowgate::mqtt
