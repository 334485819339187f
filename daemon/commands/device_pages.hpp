// SPDX-License-Identifier: Apache-2.0
//
// Every device, a page at a time: neither the daemon nor its answer has to hold them all.
#pragma once

#include <functional>

#include "daemon/commands/invocation.hpp"

namespace narrowgate::daemon {

// Calls `take` with each device of device.list, by name. Devices that are added meanwhile may be missing.
std::expected<void, CallFailure> for_each_device(const Invocation& invocation,
                                                 const std::function<void(nlohmann::json&& device)>& take);

}  // namespace narrowgate::daemon
