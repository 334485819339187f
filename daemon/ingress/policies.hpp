// SPDX-License-Identifier: Apache-2.0
//
// What the fleets' files say, made ready for the datagram path: which resources a fleet's nodes have, and
// which upstreams a reading is for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/fleet.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/coap/router.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// The resources that every fleet has.
inline constexpr std::string_view kTimePath = "time";

// What a path stands for.
enum class ResourceKind : coap::ResourceHandle { kTelemetry, kTime, kWellKnownCore };

// One fleet. Thread: any; immutable.
class FleetPolicy {
public:
    // `upstreams` gives the store's number of each upstream by name; a route to any other name is ignored
    // here, since the configuration's check has refused it.
    FleetPolicy(Fleet fleet, const std::map<std::string, store::UpstreamId>& upstreams);

    const Fleet& fleet() const { return fleet_; }
    // kNotFound or kMethodNotAllowed when there is no such resource.
    std::expected<ResourceKind, coap::Code> find(const coap::UriPath& path, coap::Code method) const;
    // Every upstream that has a route for `path`.
    store::UpstreamMask upstreams_of(const coap::UriPath& path) const;
    // What GET /.well-known/core answers, as application/link-format.
    std::string_view links() const { return links_; }

private:
    Fleet fleet_;
    coap::Router router_;
    std::vector<store::UpstreamMask> masks_;  // one a route
    std::string links_;
};

// All fleets of one configuration. Thread: any; immutable, replaced as a whole by a reload.
class Policies {
public:
    Policies(const std::vector<Fleet>& fleets, const std::map<std::string, store::UpstreamId>& upstreams);

    // Nothing when the configuration has no such fleet.
    const FleetPolicy* find(std::string_view fleet) const;
    // Whether any fleet's nodes may use `method` on `path`: then one that may not gets 4.03 instead of 4.04.
    bool known(const coap::UriPath& path, coap::Code method) const;

private:
    std::map<std::string, FleetPolicy, std::less<>> fleets_;
};

}  // namespace narrowgate::daemon
