// SPDX-License-Identifier: Apache-2.0
//
// Which LwM2M resource a SenML record becomes, as an operator says it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace narrowgate::daemon {

// /3303/0/5700: object, instance and resource (LwM2M 1.0 section 6.1).
struct ResourcePath {
    std::uint16_t object = 0;
    std::uint16_t instance = 0;
    std::uint16_t resource = 0;

    auto operator<=>(const ResourcePath&) const = default;
};

// "/3303/0/5700".
std::string to_text(const ResourcePath& path);

// One [[map]] of a fleet's file.
struct ResourceMap {
    std::string name;  // of the record: whole, with "{device}" for the node's; or what follows that
    std::string unit;  // empty: any
    ResourcePath path{.object = 0, .instance = 0, .resource = 5700};

    bool operator==(const ResourceMap&) const = default;
};

// Why values cannot go to this resource, in words that follow "/3303/0/5701 "; nothing when they can.
std::optional<std::string> problem_of(const ResourcePath& path);

}  // namespace narrowgate::daemon
