// SPDX-License-Identifier: Apache-2.0
#include "daemon/ingress/policies.hpp"

#include <algorithm>
#include <cstdlib>

#include "narrowgate/coap/link_format.hpp"

namespace narrowgate::daemon {
namespace {

coap::PathPattern pattern(std::string_view text) {
    auto parsed = coap::PathPattern::parse(text);
    if (!parsed) std::abort();  // only called with the constants of this file and of link_format.hpp
    return std::move(*parsed);
}

coap::ResourceHandle handle(ResourceKind kind) {
    return static_cast<coap::ResourceHandle>(kind);
}

}  // namespace

FleetPolicy::FleetPolicy(Fleet fleet, const std::map<std::string, store::UpstreamId>& upstreams)
    : fleet_(std::move(fleet)) {
    std::vector<coap::Link> links;
    for (const Route& route : fleet_.routes) {
        const auto upstream = upstreams.find(route.upstream);
        masks_.push_back(upstream == upstreams.end() ? 0 : store::UpstreamMask{1} << upstream->second);
        router_.add(route.resource, {coap::Code::kPost, coap::Code::kPut}, handle(ResourceKind::kTelemetry));
        const std::string path = route.resource.text();
        const bool listed = std::any_of(links.begin(), links.end(),
                                        [&path](const coap::Link& link) { return link.path == path; });
        // A pattern is no resource that a node could ask for by name.
        if (listed || !route.resource.is_exact()) continue;
        links.push_back({path, {payload::kKnownContentFormats.begin(), payload::kKnownContentFormats.end()}});
    }
    router_.add(pattern(kTimePath), {coap::Code::kGet}, handle(ResourceKind::kTime));
    router_.add(pattern(coap::kWellKnownCore), {coap::Code::kGet}, handle(ResourceKind::kWellKnownCore));
    links.push_back({std::string(kTimePath), {coap::content_format::kText, coap::content_format::kCbor}});
    links_ = coap::to_link_format(links);
}

std::expected<ResourceKind, coap::Code> FleetPolicy::find(const coap::UriPath& path,
                                                          coap::Code method) const {
    const auto found = router_.find(path, method);
    if (!found) return std::unexpected(found.error());
    return static_cast<ResourceKind>(*found);
}

store::UpstreamMask FleetPolicy::upstreams_of(const coap::UriPath& path) const {
    store::UpstreamMask mask = 0;
    for (std::size_t i = 0; i < masks_.size(); ++i) {
        if (fleet_.routes[i].resource.matches(path)) mask |= masks_[i];
    }
    return mask;
}

Policies::Policies(const std::vector<Fleet>& fleets,
                   const std::map<std::string, store::UpstreamId>& upstreams) {
    for (const Fleet& fleet : fleets)
        fleets_.try_emplace(fleet.name, fleet, upstreams);
}

const FleetPolicy* Policies::find(std::string_view fleet) const {
    const auto found = fleets_.find(fleet);
    return found == fleets_.end() ? nullptr : &found->second;
}

bool Policies::known(const coap::UriPath& path, coap::Code method) const {
    return std::any_of(fleets_.begin(), fleets_.end(),
                       [&](const auto& entry) { return entry.second.find(path, method).has_value(); });
}

}  // namespace narrowgate::daemon
