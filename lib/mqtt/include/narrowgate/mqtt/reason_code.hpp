// SPDX-License-Identifier: Apache-2.0
//
// MQTT 5 reason codes (section 2.4) that a publishing client meets, and what follows from each for a message.
#pragma once

#include <cstdint>
#include <string>

namespace narrowgate::mqtt {

enum class ReasonCode : std::uint8_t {
    kSuccess = 0x00,
    kNoMatchingSubscribers = 0x10,
    kUnspecifiedError = 0x80,
    kMalformedPacket = 0x81,
    kProtocolError = 0x82,
    kImplementationSpecificError = 0x83,
    kUnsupportedProtocolVersion = 0x84,
    kClientIdNotValid = 0x85,
    kBadUserNameOrPassword = 0x86,
    kNotAuthorized = 0x87,
    kServerUnavailable = 0x88,
    kServerBusy = 0x89,
    kBanned = 0x8A,
    kServerShuttingDown = 0x8B,
    kBadAuthenticationMethod = 0x8C,
    kKeepAliveTimeout = 0x8D,
    kSessionTakenOver = 0x8E,
    kTopicFilterInvalid = 0x8F,
    kTopicNameInvalid = 0x90,
    kPacketIdentifierInUse = 0x91,
    kReceiveMaximumExceeded = 0x93,
    kTopicAliasInvalid = 0x94,
    kPacketTooLarge = 0x95,
    kMessageRateTooHigh = 0x96,
    kQuotaExceeded = 0x97,
    kAdministrativeAction = 0x98,
    kPayloadFormatInvalid = 0x99,
    kRetainNotSupported = 0x9A,
    kQosNotSupported = 0x9B,
    kUseAnotherServer = 0x9C,
    kServerMoved = 0x9D,
    kConnectionRateExceeded = 0x9F,
    kMaximumConnectTime = 0xA0,
    kSubscriptionIdentifiersNotSupported = 0xA1,
};

// What a PUBACK means for the message it answers (section 3.4.2.1).
enum class Verdict : std::uint8_t {
    kTaken,    // delivered
    kRetry,    // the broker's trouble: the same message may pass later
    kRefused,  // the message's trouble: it will not pass as it is
};

// As the rules of PUBACKs say (code_rule.hpp). A code that is not known counts as the broker's trouble:
// nothing is given up for a reason we cannot read.
Verdict verdict_of(ReasonCode code);

// "not authorized (0x87)".
std::string to_words(ReasonCode code);

}  // namespace narrowgate::mqtt
