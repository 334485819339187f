// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/care_log.hpp"

namespace narrowgate::daemon {
namespace {

constexpr std::chrono::minutes kWindow{1};

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
    if (lines_ == 0 || now < began_ + kWindow) return;
    if (silent_ + returned_ != 0) {
        log.warning(
            "fleet {}: within a minute {} more devices fell silent and {} more are back; see narrowgate "
            "fleets --silent",
            fleet, silent_, returned_);
    }
    if (over_tariff_ != 0) {
        log.warning(
            "fleet {}: {} more devices have used what their tariff includes; see narrowgate fleets "
            "--costly",
            fleet, over_tariff_);
    }
    *this = {};
}

}  // namespace narrowgate::daemon
