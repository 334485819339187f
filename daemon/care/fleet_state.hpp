// SPDX-License-Identifier: Apache-2.0
//
// How a fleet is, for the status and its metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/care/tariff.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

struct FleetState {
    std::string name;
    std::uint64_t devices = 0;      // in use; of these:
    std::uint64_t heard = 0;        // at least once
    std::uint64_t never_heard = 0;  // not yet
    std::uint64_t silent = 0;       // have missed so many reports that somebody should look
    // Whether most of those that were heard fell silent together: no fault of the devices.
    bool fell_together = false;
    std::optional<seconds> report_interval;  // nothing: the fleet's file does not say
    unsigned missed_reports = 0;             // from which on one is silent
    Volume month;  // of this month; what a device carried that is gone since is in it
    Volume since_start;
    std::optional<Tariff> tariff;
    double cost = 0;                // of this month so far
    std::uint64_t over_tariff = 0;  // devices that have used what is included
    std::uint64_t will_exceed = 0;  // devices that will have, by the forecast, and have not yet
};

}  // namespace narrowgate::daemon
