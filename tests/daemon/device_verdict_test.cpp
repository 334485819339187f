// SPDX-License-Identifier: Apache-2.0
//
// Each way in which a node does not get through has a verdict of its own (P9).
#include "daemon/devices/device_verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/control/diagnosis_json.hpp"
#include "daemon/devices/tls_names.hpp"

namespace narrowgate::daemon {
namespace {

using dtls::Fate;
using dtls::FlightPart;
using dtls::HandshakeOutcome;
using dtls::HandshakeStep;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Now kAt{SteadyTime(seconds(100'000)), WallTime(seconds(1'767'225'600))};  // 2026-01-01

dtls::OfferedSuites offers(std::initializer_list<std::uint16_t> suites) {
    Bytes list;
    for (const std::uint16_t suite : suites)
        ByteWriter(list).u16(suite);
    return dtls::OfferedSuites::read(list);
}

class DeviceVerdictTest : public ::testing::Test {
protected:
    DeviceVerdictTest() {
        evidence_.at = kAt;
        device_.device.name = "wm-0001";
        device_.device.fleet = "water-meters";
        store::CredentialInfo credential;
        credential.id = 1;
        credential.identity = "wm-0001";
        device_.device.credentials.push_back(std::move(credential));
        device_.at = kAt.wall;
    }

    // One that began `ago`, and ended a second later.
    SeenHandshake& handshake(seconds ago, HandshakeOutcome outcome, HandshakeStep step) {
        dtls::HandshakeTrace trace;
        trace.path.remote = *Address::from_text("192.0.2.7:40000");
        trace.outcome = outcome;
        trace.step = step;
        trace.started = trace.last_progress = kAt.steady - ago;
        trace.ended = trace.started + seconds(1);
        trace.offered = offers({0xc0a8, 0x00ff});
        trace.hellos_before = 1;
        trace.largest_out = 120;
        if (step != HandshakeStep::kClientKeyExchange) {
            trace.identity = {'w', 'm', '-', '0', '0', '0', '1'};
            trace.identity_known = true;
        }
        evidence_.handshakes.push_back({.trace = trace});
        evidence_.arrange();
        return *std::ranges::find(evidence_.handshakes, trace.started,
                                  [](const SeenHandshake& of) { return of.trace.started; });
    }
    dtls::SeenHellos& hellos(seconds ago, Fate fate, std::uint16_t port = 40'000) {
        dtls::SeenHellos seen;
        seen.remote = *Address::from_text("192.0.2.7:1");
        seen.remote.port = port;
        seen.used = true;
        seen.first = kAt.steady - ago - seconds(30);
        seen.last = kAt.steady - ago;
        seen.last_fate = fate;
        seen.datagram_bytes = 140;
        seen.offered = offers({0xc0a8});
        evidence_.hellos.push_back(seen);
        evidence_.arrange();
        return *std::ranges::find(evidence_.hellos, seen.remote, &dtls::SeenHellos::remote);
    }
    void has_session() {
        device_.sessions.push_back({.id = 7,
                                    .credential = 1,
                                    .confirmed = true,
                                    .cid = {1, 2, 3, 4},
                                    .path = {{}, *Address::from_text("192.0.2.7:40000")},
                                    .since = kAt.wall - std::chrono::hours(3),
                                    .heard = kAt.wall - seconds(20),
                                    .next_number = std::nullopt,
                                    .traffic = {}});
    }
    void had_handshake(std::chrono::hours ago, HandshakeReason reason) {
        ExplainedHandshake past;
        past.at = kAt.wall - ago;
        past.identity = "wm-0001";
        past.handshake.remote = *Address::from_text("192.0.2.7:40000");
        past.reason = reason;
        device_.past.handshakes.push_back(past);
    }

    Verdict verdict(bool of_device = true) const {
        return judge({.who = of_device ? "wm-0001" : "192.0.2.7",
                      .device = of_device ? &device_ : nullptr,
                      .evidence = evidence_});
    }

    DeviceEvidence evidence_;
    DeviceReport device_;
};

TEST_F(DeviceVerdictTest, OfNothingIsSaidWhatToCheckAndWhomToAskAfter) {
    Verdict of_address = verdict(false);
    EXPECT_EQ(of_address.finding, Finding::kNoTrace);
    EXPECT_THAT(of_address.cause, HasSubstr("firewall"));
    EXPECT_THAT(of_address.cause, HasSubstr("APN"));
    EXPECT_THAT(of_address.cure, HasSubstr("dtls.listen"));
    EXPECT_EQ(verdict().finding, Finding::kNoTrace);

    const Verdict unknown = judge({.who = "wn-0001", .evidence = evidence_});
    EXPECT_EQ(unknown.finding, Finding::kNoTrace);
    EXPECT_THAT(unknown.happened, HasSubstr("No device has this name"));
    EXPECT_THAT(unknown.cure, HasSubstr("spelling"));

    const Verdict stopped = judge({.who = "wn-0001", .running = false, .evidence = evidence_});
    EXPECT_THAT(stopped.happened, HasSubstr("No daemon runs"));
}

TEST_F(DeviceVerdictTest, ASuccessIsOk) {
    handshake(seconds(60), HandshakeOutcome::kEstablished, HandshakeStep::kCommit);
    has_session();
    EXPECT_EQ(verdict().finding, Finding::kOk);
    EXPECT_THAT(verdict().happened, HasSubstr("2025-12-31T23:59:01"));
    EXPECT_THAT(verdict().happened, HasSubstr("heard last at"));
    EXPECT_THAT(verdict().happened, HasSubstr(", in 1 s, and was let in"));
    auto& trace = evidence_.handshakes[0].trace;
    trace.started = trace.ended;  // on loopback, all within one turn of the loop
    EXPECT_THAT(verdict().happened, HasSubstr(", in less than 1 ms, and was let in"));
    // By address the way on is the identity that has proved itself.
    EXPECT_EQ(verdict(false).finding, Finding::kOk);
    EXPECT_THAT(verdict(false).cure, HasSubstr("diagnose device \"wm-0001\""));
}

// Its handshake was before the gateway's start.
TEST_F(DeviceVerdictTest, ASessionWithoutATraceIsOkToo) {
    has_session();
    had_handshake(std::chrono::hours(300), HandshakeReason::kFirst);
    EXPECT_EQ(verdict().finding, Finding::kOk);
}

TEST_F(DeviceVerdictTest, ClientHellosWithoutCookieAreALoop) {
    hellos(seconds(5), Fate::kHelloVerify).without_cookie = 6;
    const Verdict found = verdict(false);
    EXPECT_EQ(found.finding, Finding::kCookieLoop);
    EXPECT_THAT(found.happened, HasSubstr("6 times"));
    EXPECT_THAT(found.cause, HasSubstr("firewall"));
    EXPECT_THAT(found.cause, Not(HasSubstr("a NAT that gives each a port")));
}

// The cookie may be on its way.
TEST_F(DeviceVerdictTest, OneYoungClientHelloIsNoLoopYet) {
    hellos(seconds(3), Fate::kHelloVerify).without_cookie = 1;
    EXPECT_EQ(verdict(false).finding, Finding::kInProgress);
    evidence_.at.steady += seconds(10);
    EXPECT_EQ(verdict(false).finding, Finding::kCookieLoop);
    EXPECT_THAT(verdict(false).happened, HasSubstr("once"));
}

TEST_F(DeviceVerdictTest, CookiesOfOtherPortsMeanANatThatChangesThem) {
    for (std::uint16_t port = 1; port <= 4; ++port)
        hellos(seconds(port), Fate::kHelloVerify, port).wrong_cookie = 1;
    const Verdict found = verdict(false);
    EXPECT_EQ(found.finding, Finding::kCookieLoop);
    EXPECT_THAT(found.happened, HasSubstr("from 4 ports"));
    EXPECT_THAT(found.cause, HasSubstr("NAT that gives each a port"));
}

TEST_F(DeviceVerdictTest, AFragmentedHelloIsNamedWithItsSizes) {
    dtls::SeenHellos& seen = hellos(seconds(5), Fate::kFragmentedHello);
    seen.fragmented = 2;
    seen.message_bytes = 700;
    seen.fragment_bytes = 480;
    seen.datagram_bytes = 505;
    const Verdict found = verdict(false);
    EXPECT_EQ(found.finding, Finding::kFragmentedHello);
    for (const char* number : {"2 so far", "480 bytes", "of 700", "of 505"})
        EXPECT_THAT(found.happened, HasSubstr(number));
}

TEST_F(DeviceVerdictTest, AHelloOfAnotherVersionIsNamed) {
    hellos(seconds(5), Fate::kMalformedHello).malformed = 3;
    EXPECT_EQ(verdict(false).finding, Finding::kMalformedHello);
}

TEST_F(DeviceVerdictTest, WhoWasPutOffIsToldWhy) {
    hellos(seconds(5), Fate::kHandshakeNotAdmitted).not_admitted = 3;
    EXPECT_EQ(verdict(false).finding, Finding::kNotAdmitted);
    EXPECT_THAT(verdict(false).happened, HasSubstr("put off 3 times"));
    evidence_.hellos.clear();
    hellos(seconds(5), Fate::kHandshakeShed).shed = 1;
    EXPECT_EQ(verdict(false).finding, Finding::kNotAdmitted);
    EXPECT_THAT(verdict(false).happened, HasSubstr("as many handshakes were in progress"));
}

TEST_F(DeviceVerdictTest, ACbcOnlyModemIsNamed) {
    handshake(seconds(60), HandshakeOutcome::kRefused, HandshakeStep::kClientKeyExchange).trace.offered =
        offers({0x00ae, 0x008c, 0x00ff});
    const Verdict found = verdict();
    EXPECT_EQ(found.finding, Finding::kNoCommonSuite);
    EXPECT_THAT(found.happened, HasSubstr("PSK-AES128-CBC-SHA256, PSK-AES128-CBC-SHA."));
    EXPECT_THAT(found.happened, HasSubstr("All of them are CBC suites"));
    EXPECT_THAT(found.cause, HasSubstr("modem"));
    EXPECT_THAT(found.cure, HasSubstr("PSK-AES128-CCM8"));
}

TEST_F(DeviceVerdictTest, ANodeWithCertificatesIsNamed) {
    handshake(seconds(60), HandshakeOutcome::kRefused, HandshakeStep::kClientKeyExchange).trace.offered =
        offers({0xc02b, 0x1301});
    const Verdict found = verdict();
    EXPECT_EQ(found.finding, Finding::kNoCommonSuite);
    EXPECT_THAT(found.happened, HasSubstr("ECDHE-ECDSA-AES128-GCM-SHA256, 0x1301"));
    EXPECT_THAT(found.cause, HasSubstr("certificates"));
}

// Ours among many, behind those that are kept: then the suites were not the reason.
TEST_F(DeviceVerdictTest, ALongOfferIsJudgedWhole) {
    dtls::HandshakeTrace& trace =
        handshake(seconds(60), HandshakeOutcome::kRefused, HandshakeStep::kClientKeyExchange).trace;
    Bytes list;
    for (std::uint16_t n = 0; n < 40; ++n)
        ByteWriter(list).u16(static_cast<std::uint16_t>(0xc02b + n % 2));
    trace.offered = dtls::OfferedSuites::read(list);
    EXPECT_EQ(verdict().finding, Finding::kNoCommonSuite);
    EXPECT_THAT(verdict().happened, HasSubstr("and 28 more"));
    ByteWriter(list).u16(0xc0a8);
    trace.offered = dtls::OfferedSuites::read(list);
    EXPECT_EQ(verdict().finding, Finding::kRefused);
}

TEST_F(DeviceVerdictTest, ARefusalWithACommonSuiteIsSomethingElse) {
    handshake(seconds(60), HandshakeOutcome::kRefused, HandshakeStep::kClientKeyExchange);
    EXPECT_EQ(verdict().finding, Finding::kRefused);
}

TEST_F(DeviceVerdictTest, AnUnknownIdentityIsQuoted) {
    dtls::HandshakeTrace& trace =
        handshake(seconds(200), HandshakeOutcome::kTimedOut, HandshakeStep::kFinished).trace;
    trace.identity = {'W', 'M', '-', '1'};
    trace.identity_known = false;
    trace.unfitting_finished = 4;
    const Verdict found = judge({.who = "WM-1", .evidence = evidence_});
    EXPECT_EQ(found.finding, Finding::kUnknownIdentity);
    EXPECT_THAT(found.happened, HasSubstr("\"WM-1\""));
    EXPECT_THAT(found.cause, HasSubstr("upper and lower case"));
}

TEST_F(DeviceVerdictTest, AnIdentityThatIsNotValidNowIsToldApart) {
    handshake(seconds(200), HandshakeOutcome::kTimedOut, HandshakeStep::kFinished).trace.identity_known =
        false;
    store::CredentialInfo& credential = device_.device.credentials[0];
    credential.revoked = kAt.wall - std::chrono::hours(1);
    EXPECT_THAT(verdict().happened, HasSubstr("revoked at 2025-12-31T23:00:00"));
    credential.revoked.reset();
    credential.not_before = kAt.wall + std::chrono::hours(1);
    EXPECT_THAT(verdict().happened, HasSubstr("only from 2026-01-01T01:00:00"));
    credential.not_before.reset();
    credential.not_after = kAt.wall - std::chrono::hours(1);
    EXPECT_THAT(verdict().happened, HasSubstr("until 2025-12-31T23:00:00"));
    EXPECT_EQ(verdict().finding, Finding::kUnknownIdentity);
}

TEST_F(DeviceVerdictTest, AWrongKeyIsToldApartFromAnUnknownIdentity) {
    handshake(seconds(200), HandshakeOutcome::kTimedOut, HandshakeStep::kFinished).trace.unfitting_finished =
        3;
    EXPECT_EQ(verdict().finding, Finding::kWrongKey);
    EXPECT_THAT(verdict().happened, HasSubstr("3 records that did not authenticate"));
    EXPECT_THAT(verdict().cure, HasSubstr("device rotate"));
}

// Somebody who has the wrong key for a device that is well.
TEST_F(DeviceVerdictTest, AFailureUnderTheNameOfADeviceWithASessionSaysThatItGoesOn) {
    handshake(seconds(10), HandshakeOutcome::kTimedOut, HandshakeStep::kFinished).trace.unfitting_finished =
        1;
    has_session();
    EXPECT_THAT(verdict().happened, HasSubstr("has a session all the same"));
}

TEST_F(DeviceVerdictTest, SilenceAfterOurFlightIsMeasuredAgainstTheMtu) {
    dtls::HandshakeTrace& trace =
        handshake(seconds(300), HandshakeOutcome::kTimedOut, HandshakeStep::kClientKeyExchange).trace;
    trace.ended = trace.started + seconds(123);
    trace.retransmissions = 3;
    trace.largest_out = 400;
    trace.max_fragment = 512;
    Verdict found = verdict();
    EXPECT_EQ(found.finding, Finding::kSilenceAfterOurFlight);
    for (const char* words :
         {"4 times", "2 min 3 s", "at most 400 bytes", "dtls.mtu is 512", "at most 512 bytes"})
        EXPECT_THAT(found.happened, HasSubstr(words));
    EXPECT_THAT(found.cure, HasSubstr("smaller dtls.mtu"));
    trace.largest_out = 120;
    EXPECT_THAT(verdict().cure, Not(HasSubstr("smaller dtls.mtu")));
    trace.alert = 40;
    EXPECT_THAT(verdict().happened, HasSubstr("handshake_failure"));
}

// The node began anew before we gave up.
TEST_F(DeviceVerdictTest, ADisplacedHandshakeIsJudgedByWhereItStood) {
    handshake(seconds(30), HandshakeOutcome::kDisplaced, HandshakeStep::kClientKeyExchange);
    EXPECT_EQ(verdict().finding, Finding::kSilenceAfterOurFlight);
}

TEST_F(DeviceVerdictTest, SilenceBeforeFinishedIsAnotherSilence) {
    handshake(seconds(200), HandshakeOutcome::kTimedOut, HandshakeStep::kFinished);
    EXPECT_EQ(verdict().finding, Finding::kSilenceBeforeFinished);
    EXPECT_THAT(verdict().cure, HasSubstr("one datagram"));
}

TEST_F(DeviceVerdictTest, OneThatIsUnderWayIsNotLateBeforeItsFirstRetransmission) {
    SeenHandshake& seen =
        handshake(seconds(4), HandshakeOutcome::kTimedOut, HandshakeStep::kClientKeyExchange);
    seen.in_progress = true;
    EXPECT_EQ(verdict().finding, Finding::kInProgress);
    seen.trace.started = seen.trace.last_progress = kAt.steady - seconds(20);
    EXPECT_EQ(verdict().finding, Finding::kSilenceAfterOurFlight);
    EXPECT_THAT(verdict().happened, HasSubstr("within 20 s"));
    // A wrong key is one at once.
    seen.trace.last_progress = kAt.steady;
    seen.trace.step = HandshakeStep::kFinished;
    seen.trace.identity = {'x'};
    seen.trace.identity_known = true;
    seen.trace.unfitting_finished = 1;
    EXPECT_EQ(verdict().finding, Finding::kWrongKey);
}

TEST_F(DeviceVerdictTest, ManyRetransmissionsAreSaidOfASuccess) {
    handshake(seconds(60), HandshakeOutcome::kEstablished, HandshakeStep::kCommit).trace.retransmissions = 2;
    has_session();
    EXPECT_EQ(verdict().finding, Finding::kRetransmitting);
    EXPECT_THAT(verdict().happened, HasSubstr("sent again 2 times"));
    evidence_.handshakes[0].trace.retransmissions = 1;
    EXPECT_EQ(verdict().finding, Finding::kOk);
    evidence_.handshakes[0].trace.hellos_before = 5;
    EXPECT_EQ(verdict().finding, Finding::kRetransmitting);
}

TEST_F(DeviceVerdictTest, ALostSessionHasTheReasonThatIsOnRecord) {
    handshake(std::chrono::hours(5), HandshakeOutcome::kEstablished, HandshakeStep::kCommit);
    had_handshake(std::chrono::hours(5), HandshakeReason::kFirst);
    device_.past.ended = SessionEnd::kClosedByNode;
    device_.past.ended_at = kAt.wall - std::chrono::hours(1);
    EXPECT_EQ(verdict().finding, Finding::kSessionLost);
    EXPECT_THAT(verdict().happened, HasSubstr("2025-12-31T23:00:00"));
    EXPECT_THAT(verdict().happened, HasSubstr("close_notify"));
    // And by the store alone.
    evidence_.handshakes.clear();
    EXPECT_EQ(verdict().finding, Finding::kSessionLost);
}

TEST_F(DeviceVerdictTest, ANodeThatShakesHandsAgainAndAgainLosesItsSessions) {
    handshake(seconds(60), HandshakeOutcome::kEstablished, HandshakeStep::kCommit);
    has_session();
    for (int hours = 0; hours < 3; ++hours)
        had_handshake(std::chrono::hours(hours), HandshakeReason::kAddressMoved);
    EXPECT_EQ(verdict().finding, Finding::kSessionLost);
    EXPECT_THAT(verdict().happened, HasSubstr("3 times in the last 24 hours"));
    EXPECT_THAT(verdict().happened, HasSubstr("RFC 9146"));
    // Not when each had a reason of its own.
    device_.past.handshakes[0].reason = HandshakeReason::kRotated;
    EXPECT_EQ(verdict().finding, Finding::kOk);
}

// What happened last decides.
TEST_F(DeviceVerdictTest, TheNewestEvidenceIsJudged) {
    handshake(seconds(100), HandshakeOutcome::kEstablished, HandshakeStep::kCommit);
    hellos(seconds(500), Fate::kHelloVerify).without_cookie = 1;
    EXPECT_EQ(verdict(false).finding, Finding::kOk);
    hellos(seconds(5), Fate::kFragmentedHello, 41'000).fragmented = 1;
    EXPECT_EQ(verdict(false).finding, Finding::kFragmentedHello);
    handshake(seconds(2), HandshakeOutcome::kTimedOut, HandshakeStep::kFinished).trace.unfitting_finished = 1;
    EXPECT_EQ(verdict(false).finding, Finding::kWrongKey);
}

TEST_F(DeviceVerdictTest, TheJsonHasEachStepAndNoKey) {
    SeenHandshake& seen = handshake(seconds(60), HandshakeOutcome::kEstablished, HandshakeStep::kCommit);
    seen.trace.trail.came(FlightPart::kClientHello, 1, 157, milliseconds(0));
    seen.trace.trail.left(static_cast<std::uint16_t>(FlightPart::kServerHello) |
                              static_cast<std::uint16_t>(FlightPart::kServerHelloDone),
                          120, milliseconds(1));
    const DeviceCase its{.who = "wm-0001", .device = &device_, .evidence = evidence_};
    const auto json = to_json(its, judge(its));
    EXPECT_EQ(json.at("finding"), "ok");
    const auto& handshake = json.at("handshakes").at(0);
    EXPECT_EQ(handshake.at("state"), "established");
    EXPECT_EQ(handshake.at("waits_for"), nullptr);
    EXPECT_EQ(handshake.at("identity"), "wm-0001");
    EXPECT_EQ(handshake.at("offered"), nlohmann::json({"PSK-AES128-CCM8"}));
    const auto& datagrams = handshake.at("datagrams");
    ASSERT_EQ(datagrams.size(), 2u);
    EXPECT_EQ(datagrams[0].at("parts"), nlohmann::json({"ClientHello"}));
    EXPECT_EQ(datagrams[1].at("parts"), nlohmann::json({"ServerHello", "ServerHelloDone"}));
    EXPECT_EQ(datagrams[1].at("ours"), true);
    EXPECT_EQ(datagrams[1].at("bytes"), 120);
}

TEST(DeviceQueryTest, AddressesAreFoundWithAndWithoutTheirPorts) {
    const auto address = [](const char* text) { return *Address::from_text(text); };
    const DeviceQuery v4 = DeviceQuery::of("192.0.2.7");
    EXPECT_TRUE(v4.matches(address("192.0.2.7:1")));
    EXPECT_TRUE(v4.matches(address("192.0.2.7:40000")));
    EXPECT_FALSE(v4.matches(address("192.0.2.8:40000")));
    const DeviceQuery with_port = DeviceQuery::of("192.0.2.7:40000");
    EXPECT_TRUE(with_port.matches(address("192.0.2.7:40000")));
    EXPECT_FALSE(with_port.matches(address("192.0.2.7:40001")));
    const DeviceQuery v6 = DeviceQuery::of("2001:db8::7");
    EXPECT_TRUE(v6.matches(address("[2001:db8::7]:9")));
    EXPECT_FALSE(v6.matches(address("[2001:db8::8]:9")));
    EXPECT_TRUE(DeviceQuery::of("[2001:db8::7]:9").matches(address("[2001:db8::7]:9")));
    EXPECT_FALSE(DeviceQuery::of("[2001:db8::7]:9").matches(address("[2001:db8::7]:8")));
    EXPECT_FALSE(DeviceQuery::of("wm-0001").address);
    EXPECT_FALSE(DeviceQuery::of("wm-0001:7").address);
}

TEST(DeviceQueryTest, AnIdentityIsFoundByItsBytes) {
    dtls::HandshakeTrace trace;
    trace.identity = {'w', 'm'};
    EXPECT_TRUE(DeviceQuery::of("wm").matches(trace));
    EXPECT_FALSE(DeviceQuery::of("WM").matches(trace));
    trace.identity.clear();
    EXPECT_FALSE(DeviceQuery::of("").matches(trace));
}

TEST(TlsNamesTest, SuitesAreKnownByNumber) {
    EXPECT_TRUE(traits_of(0xc0a8).psk);
    EXPECT_TRUE(traits_of(0x00a8).psk);
    EXPECT_TRUE(traits_of(0x00ae).cbc);
    EXPECT_TRUE(traits_of(0x002f).cbc);
    EXPECT_FALSE(traits_of(0x00a9).cbc);
    EXPECT_FALSE(traits_of(0xc037).psk) << "ECDHE-PSK is another thing";
    EXPECT_TRUE(traits_of(0x00ff).signalling);
    EXPECT_EQ(traits_of(0x1301).name, "0x1301");
    EXPECT_EQ(alert_name(40), "handshake_failure");
    EXPECT_EQ(alert_name(99), "alert 99");
}

}  // namespace
}  // namespace narrowgate::daemon
