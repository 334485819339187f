// SPDX-License-Identifier: Apache-2.0
//
// The gateway's status as Prometheus reads it; docs/metrics.md lists what there is. Labels are of the
// configuration and of protocols alone, never of devices: their number does not grow with the fleet.
#pragma once

#include <string>

#include "daemon/status.hpp"

namespace narrowgate::daemon {

// Of the whole process, from the kernel; zero what it does not tell.
struct ProcessFigures {
    double cpu_seconds = 0;
    double resident_bytes = 0;
    double open_descriptors = 0;
};
ProcessFigures process_figures();

std::string metrics_of(const GatewayStatus& status, const ProcessFigures& process);

}  // namespace narrowgate::daemon
