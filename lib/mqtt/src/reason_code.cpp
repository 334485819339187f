// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/reason_code.hpp"

#include <fmt/format.h>

#include <string_view>

#include "narrowgate/mqtt/code_rule.hpp"

namespace narrowgate::mqtt {
namespace {

// Names of MQTT 5 section 2.4.
std::string_view name_of(ReasonCode code) {
    switch (code) {
        case ReasonCode::kSuccess:
            return "success";
        case ReasonCode::kNoMatchingSubscribers:
            return "no matching subscribers";
        case ReasonCode::kUnspecifiedError:
            return "unspecified error";
        case ReasonCode::kMalformedPacket:
            return "malformed packet";
        case ReasonCode::kProtocolError:
            return "protocol error";
        case ReasonCode::kImplementationSpecificError:
            return "implementation specific error";
        case ReasonCode::kUnsupportedProtocolVersion:
            return "unsupported protocol version";
        case ReasonCode::kClientIdNotValid:
            return "client identifier not valid";
        case ReasonCode::kBadUserNameOrPassword:
            return "bad user name or password";
        case ReasonCode::kNotAuthorized:
            return "not authorized";
        case ReasonCode::kServerUnavailable:
            return "server unavailable";
        case ReasonCode::kServerBusy:
            return "server busy";
        case ReasonCode::kBanned:
            return "banned";
        case ReasonCode::kServerShuttingDown:
            return "server shutting down";
        case ReasonCode::kBadAuthenticationMethod:
            return "bad authentication method";
        case ReasonCode::kKeepAliveTimeout:
            return "keep alive timeout";
        case ReasonCode::kSessionTakenOver:
            return "session taken over";
        case ReasonCode::kTopicFilterInvalid:
            return "topic filter invalid";
        case ReasonCode::kTopicNameInvalid:
            return "topic name invalid";
        case ReasonCode::kPacketIdentifierInUse:
            return "packet identifier in use";
        case ReasonCode::kReceiveMaximumExceeded:
            return "receive maximum exceeded";
        case ReasonCode::kTopicAliasInvalid:
            return "topic alias invalid";
        case ReasonCode::kPacketTooLarge:
            return "packet too large";
        case ReasonCode::kMessageRateTooHigh:
            return "message rate too high";
        case ReasonCode::kQuotaExceeded:
            return "quota exceeded";
        case ReasonCode::kAdministrativeAction:
            return "administrative action";
        case ReasonCode::kPayloadFormatInvalid:
            return "payload format invalid";
        case ReasonCode::kRetainNotSupported:
            return "retain not supported";
        case ReasonCode::kQosNotSupported:
            return "QoS not supported";
        case ReasonCode::kUseAnotherServer:
            return "use another server";
        case ReasonCode::kServerMoved:
            return "server moved";
        case ReasonCode::kConnectionRateExceeded:
            return "connection rate exceeded";
        case ReasonCode::kMaximumConnectTime:
            return "maximum connect time";
        case ReasonCode::kSubscriptionIdentifiersNotSupported:
            return "subscription identifiers not supported";
    }
    return "reason";
}

}  // namespace

Verdict verdict_of(ReasonCode code) {
    switch (rule_of(Packet::kPuback, code).reaction) {
        case Reaction::kTaken:
            return Verdict::kTaken;
        case Reaction::kSetAside:
            return Verdict::kRefused;
        default:
            return Verdict::kRetry;
    }
}

std::string to_words(ReasonCode code) {
    return fmt::format("{} (0x{:02X})", name_of(code), static_cast<unsigned>(code));
}

}  // namespace narrowgate::mqtt
