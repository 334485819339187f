// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/month.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace narrowgate::daemon {
namespace {

constexpr int kMonths = 12;

}  // namespace

Month month_of(WallTime time) {
    const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
    const int year = std::max(0, static_cast<int>(day.year()));
    return static_cast<Month>(year * kMonths) + static_cast<unsigned>(day.month()) - 1;
}

WallTime begin_of(Month month) {
    const std::chrono::year year(static_cast<int>(month / kMonths));
    return std::chrono::sys_days(year / std::chrono::month(month % kMonths + 1) / 1);
}

std::string to_text(Month month) {
    return fmt::format("{:04}-{:02}", month / kMonths, month % kMonths + 1);
}

}  // namespace narrowgate::daemon
