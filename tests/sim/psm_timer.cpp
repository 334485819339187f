// SPDX-License-Identifier: Apache-2.0
#include "sim/psm_timer.hpp"

#include <array>

namespace narrowgate::sim {
namespace {

using Units = std::array<std::optional<seconds>, 8>;

constexpr seconds kMinute{60};
constexpr seconds kHour{3600};

// By the unit's three bits.
constexpr Units kPeriodicUnits{10 * kMinute, kHour,   10 * kHour,  seconds(2),
                               seconds(30),  kMinute, 320 * kHour, std::nullopt};
// "Other values shall be interpreted as multiples of 1 minute."
constexpr Units kActiveUnits{seconds(2), kMinute, 6 * kMinute, kMinute,
                             kMinute,    kMinute, kMinute,     std::nullopt};

std::optional<PsmTimer> read(std::string_view bits, const Units& units) {
    if (bits.size() != 8 || bits.find_first_not_of("01") != std::string_view::npos) return std::nullopt;
    unsigned value = 0;
    for (const char bit : bits)
        value = value * 2 + (bit == '1' ? 1u : 0u);
    const auto unit = units[value >> 5];
    if (!unit) return PsmTimer{};
    return PsmTimer{*unit * (value & 0x1Fu)};
}

}  // namespace

std::optional<PsmTimer> read_periodic_timer(std::string_view bits) {
    return read(bits, kPeriodicUnits);
}

std::optional<PsmTimer> read_active_timer(std::string_view bits) {
    return read(bits, kActiveUnits);
}

}  // namespace narrowgate::sim
