// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/dtls/counters.hpp"

#include "narrowgate/dtls/endpoint.hpp"

namespace narrowgate::dtls {

std::string_view name_of(Fate fate) {
    switch (fate) {
        case Fate::kReceipt:
            return "receipt";
        case Fate::kHandshakeProgress:
            return "handshake_progress";
        case Fate::kHelloVerify:
            return "hello_verify";
        case Fate::kHandshakeStarted:
            return "handshake_started";
        case Fate::kMalformed:
            return "malformed";
        case Fate::kFragmentedHello:
            return "fragmented_hello";
        case Fate::kMalformedHello:
            return "malformed_hello";
        case Fate::kHandshakeShed:
            return "handshake_shed";
        case Fate::kHandshakeNotAdmitted:
            return "handshake_not_admitted";
        case Fate::kHandshakeBusy:
            return "handshake_busy";
        case Fate::kStrayPlaintext:
            return "stray_plaintext";
        case Fate::kStrayEarly:
            return "stray_early";
        case Fate::kUnfittingFinished:
            return "unfitting_finished";
        case Fate::kAwaitingCommit:
            return "awaiting_commit";
        case Fate::kUnknownCid:
            return "unknown_cid";
        case Fate::kUnknownAddress:
            return "unknown_address";
        case Fate::kWrongEpoch:
            return "wrong_epoch";
        case Fate::kReplayed:
            return "replayed";
        case Fate::kBadMac:
            return "bad_mac";
        case Fate::kEmptyInner:
            return "empty_inner";
        case Fate::kWarningAlert:
            return "warning_alert";
        case Fate::kUnexpectedType:
            return "unexpected_type";
        case Fate::kRepeatTooSoon:
            return "repeat_too_soon";
        case Fate::kRepeatAfterConfirm:
            return "repeat_after_confirm";
    }
    return "unknown";
}

std::string_view name_of(EndReason reason) {
    switch (reason) {
        case EndReason::kCloseNotify:
            return "close_notify";
        case EndReason::kFatalAlert:
            return "fatal_alert";
        case EndReason::kReplaced:
            return "replaced";
        case EndReason::kSuperseded:
            return "superseded";
        case EndReason::kDisplaced:
            return "displaced";
        case EndReason::kExpired:
            return "expired";
        case EndReason::kRevoked:
            return "revoked";
        case EndReason::kReplacedElsewhere:
            return "replaced_elsewhere";
        case EndReason::kForgotten:
            return "forgotten";
    }
    return "unknown";
}

bool is_gone_from_journal(EndReason reason) {
    return reason == EndReason::kCloseNotify || reason == EndReason::kFatalAlert ||
           reason == EndReason::kReplaced || reason == EndReason::kSuperseded;
}

}  // namespace narrowgate::dtls
