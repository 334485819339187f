// SPDX-License-Identifier: Apache-2.0
//
// What a mobile operator takes for a device's bytes on air, by the month.
#pragma once

#include <cstdint>
#include <string>

#include "daemon/care/device_figures.hpp"
#include "daemon/care/month.hpp"

namespace narrowgate::daemon {

// [tariff] of a fleet's file.
struct Tariff {
    std::uint64_t included = 0;  // bytes a device and month that cost nothing more
    double price_per_mb = 0;     // of 1 000 000 bytes beyond these
    std::string currency = "EUR";
    // Bytes that each datagram has on air beside its UDP payload: IPv4 (RFC 791: 20) and UDP (RFC 768: 8). 48
    // with IPv6 (RFC 8200: 40).
    std::uint64_t overhead = 28;
    std::uint64_t unit = 1;  // what a device uses in a month is rounded up to so many bytes

    bool operator==(const Tariff&) const = default;
};

// What the tariff's owner counts.
std::uint64_t bytes_on_air(const Volume& volume, std::uint64_t overhead);
// What bytes on air cost beyond those included.
double cost_of(std::uint64_t bytes_on_air, const Tariff& tariff);
// What it will be at the end of the month if it goes on like this; the first day counts as whole.
std::uint64_t forecast(std::uint64_t bytes_on_air, WallTime now);

}  // namespace narrowgate::daemon
