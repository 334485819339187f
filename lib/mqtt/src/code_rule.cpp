// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/code_rule.hpp"

#include <algorithm>
#include <array>

namespace narrowgate::mqtt {
namespace {

constexpr std::string_view kNothing = "nothing: it is tried again";
constexpr std::string_view kTheirLog = "read the broker's log for its side";
constexpr std::string_view kQuota =
    "nothing: it is tried again, with longer waits; if it stays, have the quota raised";
constexpr std::string_view kAllowPublish =
    "let the broker's policy allow this client to publish to its routes' topics";
constexpr std::string_view kTopics = "correct the topics of its routes";
constexpr std::string_view kReport =
    "a reading, or a mistake of ours: see narrowgate store show, and report it";

// In the order of packets and codes. Those that AWS IoT Core sends are all here.
constexpr auto kRules = std::to_array<CodeRule>({
    // MQTT 5 table 3-1.
    {Packet::kConnack, ReasonCode::kUnspecifiedError, Reaction::kReconnect, kTheirLog},
    {Packet::kConnack, ReasonCode::kMalformedPacket, Reaction::kOperator,
     "the broker must speak MQTT 5; read its log"},
    {Packet::kConnack, ReasonCode::kProtocolError, Reaction::kOperator,
     "the broker must speak MQTT 5; read its log"},
    {Packet::kConnack, ReasonCode::kImplementationSpecificError, Reaction::kReconnect, kTheirLog},
    {Packet::kConnack, ReasonCode::kUnsupportedProtocolVersion, Reaction::kOperator,
     "the broker must speak MQTT 5"},
    {Packet::kConnack, ReasonCode::kClientIdNotValid, Reaction::kOperator,
     "set client_id to one that the broker accepts"},
    {Packet::kConnack, ReasonCode::kBadUserNameOrPassword, Reaction::kOperator,
     "let the broker know clients by their certificate: we send no user name"},
    {Packet::kConnack, ReasonCode::kNotAuthorized, Reaction::kOperator,
     "let the broker's policy allow this certificate to connect with this client_id"},
    {Packet::kConnack, ReasonCode::kServerUnavailable, Reaction::kWaitLonger, kNothing},
    {Packet::kConnack, ReasonCode::kServerBusy, Reaction::kWaitLonger, kNothing},
    {Packet::kConnack, ReasonCode::kBanned, Reaction::kOperator, "have the broker's operator lift the ban"},
    {Packet::kConnack, ReasonCode::kBadAuthenticationMethod, Reaction::kOperator,
     "let the broker know clients by their certificate"},
    {Packet::kConnack, ReasonCode::kTopicNameInvalid, Reaction::kOperator,
     "a will's topic is refused, and we have no will: read the broker's log"},
    {Packet::kConnack, ReasonCode::kPacketTooLarge, Reaction::kOperator, "write a shorter client_id"},
    {Packet::kConnack, ReasonCode::kQuotaExceeded, Reaction::kWaitLonger, kQuota},
    {Packet::kConnack, ReasonCode::kPayloadFormatInvalid, Reaction::kOperator, kTheirLog},
    {Packet::kConnack, ReasonCode::kRetainNotSupported, Reaction::kOperator, kTheirLog},
    {Packet::kConnack, ReasonCode::kQosNotSupported, Reaction::kOperator,
     "use a broker that takes QoS 1: with QoS 0 nobody would know what arrived"},
    {Packet::kConnack, ReasonCode::kUseAnotherServer, Reaction::kOperator,
     "set url to the broker's new place"},
    {Packet::kConnack, ReasonCode::kServerMoved, Reaction::kOperator, "set url to the broker's new place"},
    {Packet::kConnack, ReasonCode::kConnectionRateExceeded, Reaction::kWaitLonger, kQuota},
    // MQTT 5 table 3-4.
    {Packet::kPuback, ReasonCode::kUnspecifiedError, Reaction::kSlowBacklog, kTheirLog},
    {Packet::kPuback, ReasonCode::kImplementationSpecificError, Reaction::kSlowBacklog, kTheirLog},
    {Packet::kPuback, ReasonCode::kNotAuthorized, Reaction::kSetAside, kAllowPublish},
    {Packet::kPuback, ReasonCode::kTopicNameInvalid, Reaction::kSetAside, kTopics},
    {Packet::kPuback, ReasonCode::kPacketIdentifierInUse, Reaction::kSlowBacklog, kNothing},
    {Packet::kPuback, ReasonCode::kPacketTooLarge, Reaction::kSetAside,
     "lower batch_size, or send smaller readings"},
    {Packet::kPuback, ReasonCode::kQuotaExceeded, Reaction::kSlowBacklog, kQuota},
    {Packet::kPuback, ReasonCode::kPayloadFormatInvalid, Reaction::kSetAside,
     "see what the broker wants a payload to be"},
    // MQTT 5 table 3-10.
    {Packet::kDisconnect, ReasonCode::kUnspecifiedError, Reaction::kReconnect, kTheirLog},
    {Packet::kDisconnect, ReasonCode::kMalformedPacket, Reaction::kBlamePublish, kReport},
    {Packet::kDisconnect, ReasonCode::kProtocolError, Reaction::kBlamePublish, kReport},
    {Packet::kDisconnect, ReasonCode::kImplementationSpecificError, Reaction::kBlamePublish, kTheirLog},
    {Packet::kDisconnect, ReasonCode::kNotAuthorized, Reaction::kBlamePublish, kAllowPublish},
    {Packet::kDisconnect, ReasonCode::kServerBusy, Reaction::kWaitLonger, kNothing},
    {Packet::kDisconnect, ReasonCode::kServerShuttingDown, Reaction::kSpread, kNothing},
    {Packet::kDisconnect, ReasonCode::kKeepAliveTimeout, Reaction::kReconnect,
     "nothing: it is tried again; if this repeats, the line stalls, or keep_alive is longer than the "
     "broker's"},
    {Packet::kDisconnect, ReasonCode::kSessionTakenOver, Reaction::kDuplicate,
     "give each gateway a client_id of its own; until then each of the two throws the other off"},
    {Packet::kDisconnect, ReasonCode::kTopicFilterInvalid, Reaction::kOperator, kTheirLog},
    {Packet::kDisconnect, ReasonCode::kTopicNameInvalid, Reaction::kBlamePublish, kTopics},
    {Packet::kDisconnect, ReasonCode::kReceiveMaximumExceeded, Reaction::kHalveWindow,
     "nothing: less is kept in flight from now on; a smaller window in the file is kept across restarts"},
    {Packet::kDisconnect, ReasonCode::kTopicAliasInvalid, Reaction::kNoAliases,
     "nothing: topics are written out from now on"},
    {Packet::kDisconnect, ReasonCode::kPacketTooLarge, Reaction::kShrinkPacket,
     "nothing: smaller messages are made; lower batch_size to keep it so across restarts"},
    {Packet::kDisconnect, ReasonCode::kMessageRateTooHigh, Reaction::kWaitLonger,
     "lower publishes_per_second"},
    {Packet::kDisconnect, ReasonCode::kQuotaExceeded, Reaction::kWaitLonger, kQuota},
    {Packet::kDisconnect, ReasonCode::kAdministrativeAction, Reaction::kSpread, kNothing},
    {Packet::kDisconnect, ReasonCode::kPayloadFormatInvalid, Reaction::kBlamePublish,
     "see what the broker wants a payload to be"},
    {Packet::kDisconnect, ReasonCode::kQosNotSupported, Reaction::kOperator,
     "use a broker that takes QoS 1: with QoS 0 nobody would know what arrived"},
    {Packet::kDisconnect, ReasonCode::kUseAnotherServer, Reaction::kOperator,
     "set url to the broker's new place"},
    {Packet::kDisconnect, ReasonCode::kServerMoved, Reaction::kOperator, "set url to the broker's new place"},
    {Packet::kDisconnect, ReasonCode::kConnectionRateExceeded, Reaction::kWaitLonger, kQuota},
    {Packet::kDisconnect, ReasonCode::kMaximumConnectTime, Reaction::kSpread, kNothing},
    {Packet::kDisconnect, ReasonCode::kSubscriptionIdentifiersNotSupported, Reaction::kOperator, kTheirLog},
});

// From here on a code is a failure (section 2.4).
constexpr std::uint8_t kFirstFailure = 0x80;

}  // namespace

std::span<const CodeRule> code_rules() {
    return kRules;
}

CodeRule rule_of(Packet packet, ReasonCode code) {
    const bool puback = packet == Packet::kPuback;
    if (puback && static_cast<std::uint8_t>(code) < kFirstFailure)
        return {packet, code, Reaction::kTaken, {}};
    const auto found = std::ranges::find_if(
        kRules, [&](const CodeRule& rule) { return rule.packet == packet && rule.code == code; });
    if (found != kRules.end()) return *found;
    return {packet, code, puback ? Reaction::kSlowBacklog : Reaction::kReconnect, kTheirLog};
}

}  // namespace narrowgate::mqtt
