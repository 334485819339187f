// SPDX-License-Identifier: Apache-2.0
//
// Where one upstream wants each fleet's readings: the routes of all fleets that name it, as an immutable
// snapshot that a reload replaces.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/fleet.hpp"
#include "daemon/upstream/ipso_mapping.hpp"
#include "daemon/upstream/topic_template.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::daemon {

// Where readings go, and in what form.
struct Destination {
    TopicTemplate topic;
    bool is_shadow = false;  // the topic takes updates of a device shadow
};

// Thread: any.
class Routes {
public:
    // Of `fleets`, the routes to `upstream`. Fails on a topic that is none; names fleet and resource.
    static Expected<Routes> of(std::span<const Fleet> fleets, std::string_view upstream,
                               std::string_view gateway);

    // Of the most specific route for this resource (as coap::UriPath::text() writes it), or null: the route
    // was taken away after the reading came. Lives as long as this.
    const Destination* find(std::string_view fleet, std::string_view resource) const;
    const std::string& gateway() const { return gateway_; }
    // How a fleet's records become LwM2M resources, for upstreams that want these.
    const IpsoMapping& mapping(std::string_view fleet) const;

private:
    struct Entry {
        coap::PathPattern pattern;
        Destination destination;
    };

    std::string gateway_;
    std::map<std::string, std::vector<Entry>, std::less<>> by_fleet_;
    std::map<std::string, IpsoMapping, std::less<>> mappings_;
    IpsoMapping plain_;
};

}  // namespace narrowgate::daemon
