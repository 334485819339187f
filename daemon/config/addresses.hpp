// SPDX-License-Identifier: Apache-2.0
//
// Where to listen, as the configuration has it.
#pragma once

#include <string>
#include <vector>

#include "daemon/config/findings.hpp"
#include "narrowgate/base/address.hpp"

namespace narrowgate::daemon {

// Those of an array of "[::]:5684", "192.0.2.1:5684" that are right; the others are mistakes. So is one that
// is listed twice, or is part of "[::]".
std::vector<Address> addresses_in(const Value::Array& array, const std::string& file, Findings& findings);

}  // namespace narrowgate::daemon
