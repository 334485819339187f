// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/routes.hpp"

#include <fmt/format.h>

#include "narrowgate/base/bytes.hpp"

namespace narrowgate::daemon {
namespace {

// Stands for the topics of a profile that makes its own; the configuration's checks want one elsewhere.
constexpr std::string_view kProfilesOwn = "{device}";

// Back from UriPath::text() to what patterns are matched with. An encoded slash stays as it is: a pattern's
// segment cannot hold one, so it matches neither way.
std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            const auto byte = from_hex(text.substr(i + 1, 2));
            if (byte && byte->front() != '/') {
                out += static_cast<char>(byte->front());
                i += 2;
                continue;
            }
        }
        out += text[i];
    }
    return out;
}

}  // namespace

Expected<Routes> Routes::of(std::span<const Fleet> fleets, std::string_view upstream,
                            std::string_view gateway) {
    Routes routes;
    routes.gateway_ = gateway;
    for (const Fleet& fleet : fleets) {
        routes.mappings_.emplace(fleet.name, IpsoMapping(fleet.maps));
        for (const Route& route : fleet.routes) {
            if (route.upstream != upstream) continue;
            auto topic = TopicTemplate::parse(route.topic.empty() ? kProfilesOwn : route.topic);
            if (!topic) {
                return failure(fmt::format("fleet {}, route of {} to {}: {}", fleet.name,
                                           route.resource.text(), upstream, topic.error().what),
                               topic.error().cure);
            }
            routes.by_fleet_[fleet.name].push_back(
                {route.resource, {.topic = std::move(*topic), .is_shadow = !route.shadow.empty()}});
        }
    }
    return routes;
}

const Destination* Routes::find(std::string_view fleet, std::string_view resource) const {
    const auto entries = by_fleet_.find(fleet);
    if (entries == by_fleet_.end()) return nullptr;
    const std::string text = decoded(resource);
    const auto path = coap::UriPath::of(text);
    if (!path) return nullptr;
    const Entry* best = nullptr;
    for (const Entry& entry : entries->second) {
        if (entry.pattern.matches(*path) &&
            (best == nullptr || entry.pattern.more_specific_than(best->pattern))) {
            best = &entry;
        }
    }
    return best == nullptr ? nullptr : &best->destination;
}

const IpsoMapping& Routes::mapping(std::string_view fleet) const {
    const auto found = mappings_.find(fleet);
    return found == mappings_.end() ? plain_ : found->second;
}

}  // namespace narrowgate::daemon
