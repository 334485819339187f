// SPDX-License-Identifier: Apache-2.0
//
// What follows from a PUBACK that says no. One message that a broker refuses is that message's trouble; the
// same refusal again and again is a policy or a quota, and no reason to give readings up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "narrowgate/mqtt/reason_code.hpp"

namespace narrowgate::daemon {

enum class Consequence : std::uint8_t {
    kDeadLetter,  // this message will never pass
    kRetryLater,  // the broker wants less for now
    kPause,       // nothing passes: wait, then try a single one
};

// Thread: its owner's.
class Refusals {
public:
    // As many times running the same refusal pauses the upstream.
    static constexpr unsigned kPauseAfter = 20;

    Consequence refused(mqtt::ReasonCode code);
    void taken() { count_ = 0; }

    // So many in a row that only a single message at a time should find out whether it is over.
    bool is_pausing() const { return count_ >= kPauseAfter; }
    bool is_first() const { return count_ == 1; }
    // Of the last one alone: "the broker refused it: not authorized (0x87)".
    std::string reason() const;
    // "the broker refused 20 publishes running: not authorized (0x87)".
    std::string words() const;

private:
    std::optional<mqtt::ReasonCode> code_;
    unsigned count_ = 0;
};

}  // namespace narrowgate::daemon
