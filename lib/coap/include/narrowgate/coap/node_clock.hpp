// SPDX-License-Identifier: Apache-2.0
//
// A node's clock, by option::kTime: the node says what its clock says, and is told the time with its next
// answer when that is wrong. So a clock costs no exchange of its own.
#pragma once

#include <optional>

#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/coap/codec.hpp"

namespace narrowgate::coap {

// Longer than a request is usually under way: what differs by less need not be the clock.
inline constexpr seconds kClockTolerance{5};

// The option's value, 0 to 8 bytes: 1970 is a node without a clock. What is later than WallTime can say is
// the last that it can.
WallTime node_time(ByteView option_value);

// The option, in the fewest bytes; nothing before 1970 can be said.
void put_time(MessageWriter& writer, WallTime time);

// What to tell a node whose request said `node`, if anything.
std::optional<WallTime> clock_correction(std::optional<WallTime> node, WallTime now);

}  // namespace narrowgate::coap
