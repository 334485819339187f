// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/device_history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/control/device_json.hpp"
#include "daemon/devices/handshake_reasons.hpp"

namespace narrowgate::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime kStart{seconds(1'767'225'600)};  // 2026-01-01

WallTime at(int hours) {
    return kStart + std::chrono::hours(hours);
}

HandshakeEvent handshake(store::SessionId session, store::CredentialId credential = 1) {
    return {.session = session,
            .credential = credential,
            .remote = *Address::from_text("192.0.2.1:4000"),
            .duration = milliseconds(1234),
            .bytes_in = 500,
            .bytes_out = 300,
            .flights_again = 2,
            .suite = 0xC0A8,
            .with_cid = true};
}

TEST(DeviceHistoryTest, WhatIsWrittenIsRead) {
    const store::DeviceEvent began = device_event("wm-0001", at(1), handshake(7));
    EXPECT_EQ(began.device, "wm-0001");
    EXPECT_EQ(began.at, at(1));
    EXPECT_EQ(began.body.size(), 53U);
    EXPECT_EQ(read_event(began), HistoryEvent(handshake(7)));

    const SessionEndEvent end{.session = 7, .credential = 1, .how = SessionEnd::kExpired};
    const store::DeviceEvent ended = device_event("wm-0001", at(2), end);
    EXPECT_EQ(ended.body.size(), 19U);
    EXPECT_EQ(read_event(ended), HistoryEvent(end));
}

// Rows of another version, damaged ones, and endings that this version does not know.
TEST(DeviceHistoryTest, WhatCannotBeReadIsNothing) {
    const store::DeviceEvent whole = device_event("a", at(1), handshake(7));
    for (std::size_t size = 0; size < whole.body.size(); ++size) {
        store::DeviceEvent cut = whole;
        cut.body.resize(size);
        EXPECT_FALSE(read_event(cut)) << size;
    }
    store::DeviceEvent longer = whole;
    longer.body.push_back(0);
    EXPECT_FALSE(read_event(longer));
    store::DeviceEvent newer = whole;
    newer.body[0] = 2;
    EXPECT_FALSE(read_event(newer));
    store::DeviceEvent other = whole;
    other.body[1] = 9;
    EXPECT_FALSE(read_event(other));
    store::DeviceEvent end = device_event("a", at(1), SessionEndEvent{.session = 7});
    end.body.back() = 0;
    EXPECT_FALSE(read_event(end));
    end.body.back() = 200;
    EXPECT_FALSE(read_event(end));
}

TEST(DeviceHistoryTest, ADurationThatClocksCannotMeanIsBounded) {
    HandshakeEvent strange = handshake(7);
    strange.duration = milliseconds(-5);
    EXPECT_EQ(std::get<HandshakeEvent>(*read_event(device_event("a", at(1), strange))).duration.count(), 0);
    strange.duration = std::chrono::days(365);
    EXPECT_EQ(std::get<HandshakeEvent>(*read_event(device_event("a", at(1), strange))).duration.count(),
              0xFFFF'FFFFLL);
}

class HandshakeReasonsTest : public ::testing::Test {
protected:
    HandshakeReasonsTest() {
        device_.name = "wm-0001";
        has_credential(1, "wm-0001");
    }

    void has_credential(store::CredentialId id, std::string identity) {
        store::CredentialInfo credential;
        credential.id = id;
        credential.identity = std::move(identity);
        device_.credentials.push_back(std::move(credential));
    }
    void happened(int hour, const HistoryEvent& event) {
        events_.insert(events_.begin(), device_event(device_.name, at(hour), event));
    }
    void ended(int hour, store::SessionId session, SessionEnd how) {
        happened(hour, SessionEndEvent{.session = session, .credential = 1, .how = how});
    }
    HandshakeReason last_reason() const { return explain_past(device_, events_).handshakes.at(0).reason; }

    store::Device device_;
    std::vector<store::DeviceEvent> events_;
};

TEST_F(HandshakeReasonsTest, TheFirstOnRecordIsTheFirst) {
    EXPECT_THAT(explain_past(device_, events_).handshakes, IsEmpty());
    happened(1, handshake(7));
    const DevicePast past = explain_past(device_, events_);
    ASSERT_THAT(past.handshakes, SizeIs(1));
    EXPECT_EQ(past.handshakes[0].reason, HandshakeReason::kFirst);
    EXPECT_EQ(past.handshakes[0].identity, "wm-0001");
    EXPECT_EQ(past.handshakes[0].at, at(1));
    EXPECT_FALSE(past.ended);
}

TEST_F(HandshakeReasonsTest, WithNoEndOnRecordTheNodeStartedAnew) {
    happened(1, handshake(7));
    happened(2, handshake(8));
    EXPECT_EQ(last_reason(), HandshakeReason::kGatewayHadOne);
}

TEST_F(HandshakeReasonsTest, WithoutAConnectionIdAnotherAddressIsReasonEnough) {
    HandshakeEvent bound = handshake(7);
    bound.with_cid = false;
    happened(1, bound);
    bound.session = 8;
    bound.remote.port = 4001;
    happened(2, bound);
    EXPECT_EQ(last_reason(), HandshakeReason::kAddressMoved);
    bound.session = 9;
    happened(3, bound);
    EXPECT_EQ(last_reason(), HandshakeReason::kGatewayHadOne);
}

TEST_F(HandshakeReasonsTest, EveryEndExplainsTheHandshakeAfterIt) {
    using enum SessionEnd;
    const std::vector<std::pair<SessionEnd, HandshakeReason>> ends = {
        {kClosedByNode, HandshakeReason::kClosedByNode},
        {kFailedByNode, HandshakeReason::kFailedByNode},
        {kNeverUsed, HandshakeReason::kNeverUsed},
        {kDisplaced, HandshakeReason::kDisplaced},
        {kExpired, HandshakeReason::kExpired},
        {kForgotten, HandshakeReason::kForgotten},
        {kUnreadable, HandshakeReason::kUnreadable},
        {kRestored, HandshakeReason::kRestored},
        {kMoved, HandshakeReason::kMoved},
    };
    store::SessionId session = 100;
    happened(0, handshake(session));
    for (const auto& [end, reason] : ends) {
        ended(1, session, end);
        EXPECT_EQ(explain_past(device_, events_).ended, end);
        happened(2, handshake(++session));
        EXPECT_EQ(last_reason(), reason) << name_of(reason);
        EXPECT_FALSE(explain_past(device_, events_).ended);
        EXPECT_FALSE(words_of(reason).empty());
    }
}

// Of two ends the first one counts: a session that the node has closed is not lost by the restore after it.
TEST_F(HandshakeReasonsTest, TheEndThatCameFirstExplains) {
    happened(1, handshake(7));
    ended(2, 7, SessionEnd::kClosedByNode);
    ended(3, 0, SessionEnd::kRestored);
    happened(4, handshake(8));
    EXPECT_EQ(last_reason(), HandshakeReason::kClosedByNode);
}

TEST_F(HandshakeReasonsTest, TheEndOfAnotherSessionExplainsNothing) {
    happened(1, handshake(7));
    happened(2, handshake(8));
    ended(3, 7, SessionEnd::kExpired);
    happened(4, handshake(9));
    EXPECT_EQ(last_reason(), HandshakeReason::kGatewayHadOne);
    ended(5, 0, SessionEnd::kRestored);
    happened(6, handshake(10));
    EXPECT_EQ(last_reason(), HandshakeReason::kRestored);
}

TEST_F(HandshakeReasonsTest, ARotationIsToldFromOtherWaysToAnotherCredential) {
    happened(1, handshake(7, 1));
    happened(3, handshake(8, 2));
    has_credential(2, "wm-0001#2");
    device_.credentials[1].replaces = 1;
    EXPECT_EQ(last_reason(), HandshakeReason::kRotated);
    device_.credentials[1].replaces = 0;
    EXPECT_EQ(last_reason(), HandshakeReason::kOtherCredential);
    device_.credentials[0].revoked = at(2);
    device_.credentials[0].why_revoked = "revoked";
    EXPECT_EQ(last_reason(), HandshakeReason::kRevoked);
    device_.credentials[0].why_revoked = "replaced";
    EXPECT_EQ(last_reason(), HandshakeReason::kOtherKey);
    // Revoked after the handshake: that was not why.
    device_.credentials[0].revoked = at(4);
    EXPECT_EQ(last_reason(), HandshakeReason::kOtherCredential);
}

TEST_F(HandshakeReasonsTest, AReportTellsTheStoryInASentence) {
    DeviceReport report{
        .device = device_, .at = at(10), .sessions = {}, .past = {}, .exchanges = {}, .care = {}};
    EXPECT_EQ(
        to_json(report).at("why"),
        "No handshake of it is on record. It has no session now, and shakes hands when it speaks next.");
    happened(1, handshake(7));
    ended(2, 7, SessionEnd::kClosedByNode);
    happened(3, handshake(8));
    ended(4, 8, SessionEnd::kExpired);
    report.past = explain_past(device_, events_);
    const auto json = to_json(report);
    EXPECT_EQ(
        json.at("why"),
        "It shook hands last at 2026-01-01T03:00:00.000Z, because the node had closed its session itself "
        "(close_notify). It has no session now, and shakes hands when it speaks next: at "
        "2026-01-01T04:00:00.000Z, its session had expired after dtls.session_lifetime of silence.");
    EXPECT_EQ(json.at("session_ended").at("reason"), "expired");
    ASSERT_EQ(json.at("handshakes").size(), 2U);
    EXPECT_EQ(json.at("handshakes").at(0).at("reason"), "closed_by_node");
    EXPECT_EQ(json.at("handshakes").at(0).at("cipher"), "PSK-AES128-CCM8");
    EXPECT_EQ(json.at("handshakes").at(1).at("reason"), "first");
}

TEST_F(HandshakeReasonsTest, StatesOfCredentialsFollowTimeAndRotation) {
    has_credential(2, "wm-0001#2");
    device_.credentials[1].replaces = 1;
    const auto states = [&] {
        std::vector<std::string> all;
        const DeviceReport report{
            .device = device_, .at = at(10), .sessions = {}, .past = {}, .exchanges = {}, .care = {}};
        const auto json = to_json(report);
        for (const auto& credential : json.at("credentials"))
            all.push_back(credential.at("state").get<std::string>());
        return all;
    };
    EXPECT_THAT(states(), ElementsAre("in_use", "waiting"));
    device_.credentials[1].not_before = at(11);
    EXPECT_THAT(states(), ElementsAre("in_use", "not_yet_valid"));
    device_.credentials[1].not_before = std::nullopt;
    device_.credentials[1].not_after = at(9);
    EXPECT_THAT(states(), ElementsAre("in_use", "no_longer_valid"));
    device_.credentials[1].not_after = std::nullopt;
    device_.credentials[0].revoked = at(8);
    device_.credentials[0].why_revoked = "retired";
    EXPECT_THAT(states(), ElementsAre("retired", "in_use"));
}

TEST_F(HandshakeReasonsTest, EventsOfALaterVersionArePassedOver) {
    happened(1, handshake(7));
    events_.insert(events_.begin(), {.device = "wm-0001", .at = at(2), .body = {99, 1, 2, 3}});
    happened(3, handshake(8));
    EXPECT_THAT(explain_past(device_, events_).handshakes, SizeIs(2));
}

}  // namespace
}  // namespace narrowgate::daemon
