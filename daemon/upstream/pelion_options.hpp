// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// The two forms in which the translator takes values; the topic's last level says which.
enum class PelionForm : std::uint8_t {
    kEdgeVal,  // objects inside objects
    kVal,      // rows of ten strings; such a device is made for firmware updates, which some builds cannot
};

struct PelionOptions {
    PelionForm form = PelionForm::kEdgeVal;
    std::string gateway_id;  // a topic's level, A-Z a-z 0-9 _ . -; empty: the gateway's name
    // Edge Core registers so many (EDGE_REGISTERED_ENDPOINT_LIMIT, 500 as it is built by default).
    std::size_t max_nodes = 500;
    // The translator, or a registration, may take so long to answer. Both are on the broker's machine.
    milliseconds answer_timeout{10'000};
    // How often it is asked whether it still hears us.
    milliseconds probe_interval{60'000};

    bool operator==(const PelionOptions&) const = default;
};

}  // namespace narrowgate::daemon
