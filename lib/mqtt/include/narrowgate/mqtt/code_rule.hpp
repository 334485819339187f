// SPDX-License-Identifier: Apache-2.0
//
// What a publishing client does about each reason code that a broker can send it (MQTT 5 section 2.4): one
// table for all that follows, what people read and what is done. docs/protocols.md shows it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "narrowgate/mqtt/reason_code.hpp"

namespace narrowgate::mqtt {

// Which packet of the broker's brought the code.
enum class Packet : std::uint8_t { kConnack, kPuback, kDisconnect };

enum class Reaction : std::uint8_t {
    // To a PUBACK.
    kTaken,        // delivered
    kSlowBacklog,  // the broker's trouble: the message goes again, and the backlog waits a growing while
    kSetAside,     // the message's trouble: held, and a dead letter once the broker has taken another
    // To a connection that was refused or ended.
    kReconnect,     // with full jitter from 1 to 2 s, growing to 2 minutes
    kSpread,        // the broker leaves all its clients: they must not come back in the same second
    kWaitLonger,    // a quota: more tries would use it up
    kOperator,      // somebody has to change something: slow tries, an error in log and status
    kDuplicate,     // another client has our client ID: a wait that grows until a connection holds
    kHalveWindow,   // more in flight than the broker counts: half of it from now on
    kShrinkPacket,  // what is as large as the largest in flight is not sent again
    kNoAliases,     // no topic aliases from now on
    kBlamePublish,  // a publish in flight is the reason: it is looked for, or everything waits
};

struct CodeRule {
    Packet packet;
    ReasonCode code;
    Reaction reaction;
    std::string_view cure;  // what to do, for people
};

// Of a code without a row: kReconnect or, of a PUBACK, kSlowBacklog; nothing is given up for a reason we
// cannot read. Of a PUBACK below 0x80: kTaken. Thread: any.
CodeRule rule_of(Packet packet, ReasonCode code);

// Every row, in the order of packets and codes.
std::span<const CodeRule> code_rules();

}  // namespace narrowgate::mqtt
