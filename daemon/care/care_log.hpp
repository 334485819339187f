// SPDX-License-Identifier: Apache-2.0
//
// Lines about single devices, a few a minute for each fleet: what is more is told in one line for all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"

namespace narrowgate::daemon {

enum class CareEvent : std::uint8_t { kSilent, kReturned, kOverTariff };

// Of one fleet. Thread: one.
class CareLog {
public:
    static constexpr unsigned kLinesAMinute = 5;

    // Whether this event may have a line of its own; else it is counted.
    bool admits(CareEvent event, SteadyTime now);
    // The line for those that were counted, when their minute is over.
    void turn(std::string_view fleet, SteadyTime now, Log& log);

private:
    SteadyTime began_{};
    unsigned lines_ = 0;
    std::uint64_t silent_ = 0;
    std::uint64_t returned_ = 0;
    std::uint64_t over_tariff_ = 0;
};

}  // namespace narrowgate::daemon
