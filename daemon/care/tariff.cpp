// SPDX-License-Identifier: Apache-2.0
#include "daemon/care/tariff.hpp"

#include <algorithm>

#include "daemon/care/forecast.hpp"

namespace narrowgate::daemon {
namespace {

constexpr double kBytesAMegabyte = 1e6;

}  // namespace

std::uint64_t bytes_on_air(const Volume& volume, std::uint64_t overhead) {
    return volume.bytes() + volume.datagrams * overhead;
}

double cost_of(std::uint64_t bytes_on_air, const Tariff& tariff) {
    const std::uint64_t unit = std::max<std::uint64_t>(1, tariff.unit);
    const std::uint64_t begun = bytes_on_air / unit + (bytes_on_air % unit == 0 ? 0 : 1);
    const std::uint64_t counted = begun * unit;
    if (counted <= tariff.included) return 0;
    return static_cast<double>(counted - tariff.included) / kBytesAMegabyte * tariff.price_per_mb;
}

std::uint64_t forecast(std::uint64_t bytes_on_air, WallTime now) {
    return forecast(bytes_on_air, growth_of_month(now));
}

double growth_of_month(WallTime now) {
    using Days = std::chrono::duration<double, std::ratio<86'400>>;
    const Month month = month_of(now);
    const Days whole = begin_of(month + 1) - begin_of(month);
    const Days past = std::max<Days>(now - begin_of(month), Days(1));
    return whole / past;
}

}  // namespace narrowgate::daemon
