// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/care_log.hpp"

#include "daemon/events.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::chrono::minutes kCareLogWindow{1};

}  // namespace

bool CareLog::admits(CareEvent event, SteadyTime now) {
    if (lines_ == 0) began_ = now;
    if (lines_ < kLinesAMinute) {
        ++lines_;
        return true;
    }
    switch (event) {
        case CareEvent::kSilent:
            ++silent_;
            break;
        case CareEvent::kReturned:
            ++returned_;
            break;
        case CareEvent::kOverTariff:
            ++over_tariff_;
            break;
    }
    return false;
}

void CareLog::turn(std::string_view fleet, SteadyTime now, Log& log) {
    if (lines_ == 0 || now < began_ + kCareLogWindow) return;
    if (silent_ + returned_ != 0) {
        log.write(kEvent<"fleet.more_silent">, {.fleet = fleet},
                  "fleet {}: within a minute {} more devices fell silent and {} more are back", fleet,
                  silent_, returned_);
    }
    if (over_tariff_ != 0) {
        log.write(kEvent<"fleet.more_over_tariff">, {.fleet = fleet},
                  "fleet {}: {} more devices have used what their tariff includes", fleet, over_tariff_);
    }
    *this = {};
}

}  // namespace narrowgate::daemon
