// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/reason_code.hpp"

#include <fmt/format.h>

#include <string_view>

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
        case ReasonCode::kKeepAliveTimeout:
            return "keep alive timeout";
        case ReasonCode::kSessionTakenOver:
            return "session taken over";
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
        case ReasonCode::kQosNotSupported:
            return "QoS not supported";
        case ReasonCode::kUseAnotherServer:
            return "use another server";
        case ReasonCode::kServerMoved:
            return "server moved";
        case ReasonCode::kConnectionRateExceeded:
            return "connection rate exceeded";
    }
    return "reason";
}

// From here on a code is a failure (section 2.4).
constexpr std::uint8_t kFirstFailure = 0x80;

}  // namespace

Verdict verdict_of(ReasonCode code) {
    if (static_cast<std::uint8_t>(code) < kFirstFailure) return Verdict::kTaken;
    switch (code) {
        case ReasonCode::kNotAuthorized:
        case ReasonCode::kTopicNameInvalid:
        case ReasonCode::kPayloadFormatInvalid:
        case ReasonCode::kPacketTooLarge:
            return Verdict::kRefused;
        default:
            return Verdict::kRetry;
    }
}

std::string to_words(ReasonCode code) {
    return fmt::format("{} (0x{:02X})", name_of(code), static_cast<unsigned>(code));
}

}  // namespace narrowgate::mqtt
