// SPDX-License-Identifier: Apache-2.0
//
// The PEM files of a connection, looked at before paho loads them: its own words for what is wrong with them
// are "TCP/TLS connect failure".
#pragma once

#include <vector>

#include "narrowgate/mqtt/options.hpp"

namespace narrowgate::mqtt {

// What makes a connection impossible, whatever the time is.
std::vector<Error> problems_of_files(const ConnectionOptions& options);

}  // namespace narrowgate::mqtt
