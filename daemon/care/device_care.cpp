// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/device_care.hpp"

#include <algorithm>

#include "daemon/care/silence.hpp"

namespace narrowgate::daemon {

void DeviceCare::judge(seconds service, WallTime now) {
    own_interval = own_interval && interval.has_value();
    if (figures.heard_service != 0) {
        const seconds heard(static_cast<seconds::rep>(figures.heard_service));
        silence = std::max(seconds(0), service - heard);
        if (interval) missed = daemon::missed_reports(*silence, *interval);
        silent = missed_reports != 0 && missed >= missed_reports;
    }
    on_air = bytes_on_air(figures.in(month), tariff ? tariff->overhead : Tariff().overhead);
    forecast = daemon::forecast(on_air, now);
}

}  // namespace narrowgate::daemon
