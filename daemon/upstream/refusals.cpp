// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/refusals.hpp"

#include <fmt/format.h>

namespace narrowgate::daemon {

Consequence Refusals::refused(mqtt::ReasonCode code) {
    count_ = code_ == code ? count_ + 1 : 1;
    code_ = code;
    if (is_pausing()) return Consequence::kPause;
    return mqtt::verdict_of(code) == mqtt::Verdict::kRefused ? Consequence::kDeadLetter
                                                             : Consequence::kRetryLater;
}

std::string Refusals::reason() const {
    return "the broker refused it: " + mqtt::to_words(code_.value_or(mqtt::ReasonCode::kSuccess));
}

std::string Refusals::words() const {
    return fmt::format("the broker refused {} publish{} running: {}", count_, count_ == 1 ? "" : "es",
                       mqtt::to_words(code_.value_or(mqtt::ReasonCode::kSuccess)));
}

}  // namespace narrowgate::daemon
