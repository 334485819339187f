// SPDX-License-Identifier: Apache-2.0
//
// What a test tells a running AwsBroker, a line each:
//
//   counts                  print them
//   disconnect [CODE]       DISCONNECT with this reason (0x8B) to everybody, and close
//   cut                     close all connections without a word
//   refuse CODE SECONDS     answer publishes with this code: 0x97 is throttling
//   refuse-connect CODE     the next CONNECT is answered with this code
//   lose COUNT              take so many publishes, answer none of them, and cut
//   stall SECONDS           neither read nor write
//   deny FILTER, allow      the policy forbids to publish there; it allows everything
#pragma once

#include <string_view>

#include "narrowgate/base/error.hpp"
#include "sim/aws_broker.hpp"

namespace narrowgate::sim {

// True: the counts are asked for. Fails when the line is none of the above.
Expected<bool> obey(std::string_view line, AwsBroker& broker, SteadyTime now);

}  // namespace narrowgate::sim
