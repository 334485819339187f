// SPDX-License-Identifier: Apache-2.0
//
// What the operator decided about one fleet: the nodes that are alike, what they may send, and where it goes.
// One file of fleets.d each (docs/configuration.md).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "daemon/care/tariff.hpp"
#include "daemon/upstream/resource_map.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/coap/message_layer.hpp"
#include "narrowgate/coap/router.hpp"
#include "narrowgate/payload/content_format.hpp"

namespace narrowgate::daemon {

// Readings on paths that match `resource` go to `upstream`, under `topic`.
struct Route {
    coap::PathPattern resource;
    std::string upstream;  // the name of an [[upstream]]
    // MQTT topic template; {fleet} {device} {resource} {gateway} are filled in. Empty where the upstream's
    // profile has topics of its own.
    std::string topic;
    // AWS IoT Core alone: `topic` begins with "$aws/rules/" and the rule of that name, or takes updates of a
    // device shadow, whose reported state the readings are. What the file says; empty when it does not.
    std::string rule{};
    std::string shadow{};
};

// Thread: any, once loaded; held as an immutable snapshot that a reload replaces.
struct Fleet {
    std::string name;

    // Bytes of one uplink, all its Block1 blocks together; more is answered with 4.13.
    std::size_t max_payload = std::size_t{16} * 1024;

    // Readings that one node may send in a minute, in one go too; more are answered with 4.29 and the seconds
    // to wait. 0: no limit.
    unsigned max_readings_per_minute = 0;

    // How often a node reports. Nodes that are told to come back later (4.29, 5.03) are spread evenly over so
    // long, or they would all come back at once.
    seconds report_interval = std::chrono::minutes(5);

    // Whether the file says so. Else nobody knows when a report is missing, but for a device that has an
    // interval of its own.
    bool reports_expected = false;

    // A device that has missed so many reports is silent, and somebody is told.
    unsigned missed_reports = 3;

    // What its devices' bytes on air cost. Nothing: not this gateway's business.
    std::optional<Tariff> tariff;

    // The nodes' transmission parameters and the quirks of their modems. `transmission.ack_timeout` decides
    // how long a duplicate is known as one (EXCHANGE_LIFETIME, RFC 7252 section 4.8.2): it must not be less
    // than what the nodes are configured with.
    coap::MessageOptions messages;

    // What a payload without Content-Format is (RFC 7252 section 5.5.1 leaves it to the application).
    payload::ContentFormat no_content_format = payload::kOctetStream;

    // At least one. A reading goes to every upstream whose route matches; of one upstream's matching routes
    // the most specific names the topic.
    std::vector<Route> routes;

    // For upstreams that want LwM2M resources; what none of these says, a table by name and unit does.
    std::vector<ResourceMap> maps;
};

}  // namespace narrowgate::daemon
