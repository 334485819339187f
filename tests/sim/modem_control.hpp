// SPDX-License-Identifier: Apache-2.0
//
// What a test tells a running Modem, a line each:
//
//   counts                    print them
//   restart [CAUSE]           by itself, REBOOT_CAUSE_ and UNKNOWN or CAUSE
//   power off, power on       it is dead in between
//   rebind                    the NAT forgets it
//   network STAT SECONDS      lost, and back after that; STAT is +CEREG's 0, 2, 3 or 4
//   busy COUNT                the next sends are answered 159
//   restart-in-send COUNT     the next sends restart it, without an answer
//   lose-answers COUNT        the next commands are carried out and not answered
//   lose-urcs COUNT           the next URCs are not said
//   lose-up COUNT             the next datagrams, on air
//   lose-down COUNT
#pragma once

#include <string_view>

#include "narrowgate/base/error.hpp"
#include "sim/modem.hpp"

namespace narrowgate::sim {

// True: the counts are asked for. Fails when the line is none of the above.
Expected<bool> obey(std::string_view line, Modem& modem, Now now);

}  // namespace narrowgate::sim
