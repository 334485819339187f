// SPDX-License-Identifier: Apache-2.0
//
// A device as an operator looks at it: its figures, its silence, what its month costs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "daemon/care/device_figures.hpp"
#include "daemon/care/tariff.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/devices.hpp"

namespace narrowgate::daemon {

struct DeviceCare {
    DeviceFigures figures;
    Month month = 0;                    // the present one
    std::optional<seconds> interval{};  // nothing: no report is expected
    bool own_interval = false;
    unsigned missed_reports = 0;       // from which on it is silent
    std::optional<seconds> silence{};  // since it was heard, while the gateway ran; nothing: never
    std::uint64_t missed = 0;          // in this silence
    bool silent = false;
    std::optional<Tariff> tariff{};
    std::uint64_t on_air = 0;
    std::uint64_t forecast = 0;

    // Fills in what follows from the fields above `silence`, and from the tariff.
    void judge(seconds service, WallTime now);
};

// `written` is what the store has. Nothing stands for a gateway that does not run.
using CareOf = std::function<DeviceCare(const store::Device& device, DeviceFigures written)>;

}  // namespace narrowgate::daemon
