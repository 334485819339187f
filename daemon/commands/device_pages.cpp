// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/device_pages.hpp"

#include <utility>

namespace narrowgate::daemon {
namespace {

// The daemon's loop is held for some ten milliseconds by each.
constexpr std::size_t kDevicesOfOnePage = 2000;

}  // namespace

std::expected<void, CallFailure> for_each_device(const Invocation& invocation,
                                                 const std::function<void(nlohmann::json&& device)>& take) {
    nlohmann::json arguments{{"count", kDevicesOfOnePage}};
    for (bool more = true; more;) {
        auto page = call_daemon_or_store(invocation, "device.list", arguments);
        if (!page) return std::unexpected(std::move(page.error()));
        nlohmann::json& devices = page->at("devices");
        // Each page begins behind the last, so they come to an end.
        more = page->at("more").get<bool>() && !devices.empty();
        if (more) arguments["after"] = devices.back().at("name");
        for (nlohmann::json& device : devices)
            take(std::move(device));
    }
    return {};
}

}  // namespace narrowgate::daemon
