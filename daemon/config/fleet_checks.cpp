// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "daemon/config/sections.hpp"
#include "daemon/config/units.hpp"
#include "daemon/upstream/aws_limits.hpp"
#include "daemon/upstream/topic_limits.hpp"

namespace narrowgate::daemon {
namespace {

std::string route_key(std::size_t index, std::string_view key) {
    return fmt::format("route[{}].{}", index, key);
}

// Each device's readings then wait for others of their own, and mostly go alone.
void warn_of_lonely_batches(const UpstreamConfig& upstream, const FleetSource& source, std::size_t index,
                            Findings& findings) {
    const Route& route = source.fleet.routes[index];
    if (upstream.batch_bytes == 0 || !route.shadow.empty()) return;
    const auto topic = TopicTemplate::parse(route.topic);
    if (!topic || !topic->has_device()) return;
    findings.warn(
        source.file, route_key(index, "topic"),
        fmt::format("the topic has {{device}}, so that no batch of \"{}\" holds readings of two devices",
                    route.upstream),
        "leave {device} out, since each row of a batch names its device; or write batch_size = 0");
}

void check_intervals(const Config& config, const FleetSource& source, Findings& findings) {
    if (source.fleet.report_interval < config.dtls.session_lifetime) return;
    findings.warn(source.file, "fleet.report_interval",
                  "a node's session is forgotten before its next report, which then costs a handshake",
                  "make dtls.session_lifetime a multiple of report_interval");
}

// A route names a topic where its upstream's profile has none of its own.
void check_topic(const Route& route, const UpstreamConfig& upstream, const std::string& file,
                 std::size_t index, Findings& findings) {
    const bool has_topics = upstream.profile == ProfileKind::kPelionEdge;
    if (has_topics && !route.topic.empty()) {
        findings.add(file, route_key(index, "topic"),
                     fmt::format("\"topic\" has no meaning here: upstream \"{}\" has topics of its own "
                                 "(profile \"pelion-edge\")",
                                 route.upstream),
                     "remove the key");
    } else if (!has_topics && route.topic.empty()) {
        findings.add(file, route_key(index, "topic"),
                     fmt::format("\"{}\" is missing", route_key(index, "topic")),
                     "add topic = \"dt/{fleet}/{device}/{resource}\"");
    } else if (upstream.profile == ProfileKind::kMqtt && route.topic.starts_with('$')) {
        findings.warn(
            file, route_key(index, "topic"),
            "the topic begins with '$', and most brokers let no client publish there (MQTT 5 section 4.7.2)",
            "write one that begins otherwise");
    }
}

void check_route(const Config& config, const FleetSource& source, std::size_t index, Findings& findings) {
    const Route& route = source.fleet.routes[index];
    // When no upstream at all could be read, that has been told, and is not the routes' fault.
    const bool told = config.upstreams.empty() && !findings.mistakes.empty();
    if (!told && !route.upstream.empty() && config.upstream(route.upstream) == nullptr) {
        std::vector<std::string_view> names;
        names.reserve(config.upstreams.size());
        for (const UpstreamConfig& upstream : config.upstreams)
            names.push_back(upstream.connection.name);
        const auto meant = nearest(route.upstream, names);
        findings.add(source.file, route_key(index, "upstream"),
                     fmt::format("there is no upstream \"{}\"", route.upstream),
                     meant           ? fmt::format("did you mean \"{}\"?", *meant)
                     : names.empty() ? "add an [[upstream]] of that name to the gateway's file"
                                     : fmt::format("write one of \"{}\", or add an [[upstream]] of that name",
                                                   fmt::join(names, "\", \"")));
    }
    const UpstreamConfig* upstream = config.upstream(route.upstream);
    const bool is_aws = upstream != nullptr && upstream->profile == ProfileKind::kAwsIot;
    if (upstream != nullptr && !is_aws && !(route.rule.empty() && route.shadow.empty())) {
        findings.add(
            source.file, route_key(index, route.rule.empty() ? "shadow" : "rule"),
            fmt::format("only AWS IoT Core knows such, and upstream \"{}\" is another's", route.upstream),
            "write a topic, or profile = \"aws-iot\" at the upstream");
    } else if (upstream != nullptr) {
        check_topic(route, *upstream, source.file, index, findings);
    }
    if (upstream != nullptr) warn_of_lonely_batches(*upstream, source, index, findings);
    if (is_aws) {
        if (const auto why = beyond_limits(route.topic, aws_topic_limits())) {
            findings.add(source.file, route_key(index, "topic"), "this is " + *why,
                         "shorten it; a Basic Ingest prefix ($aws/rules/NAME/) does not count");
        }
    }
    for (std::size_t earlier = 0; earlier < index; ++earlier) {
        const Route& other = source.fleet.routes[earlier];
        if (route.upstream.empty() || other.upstream != route.upstream || other.resource != route.resource)
            continue;
        findings.add(source.file, route_key(index, "resource"),
                     fmt::format("\"{}\" is routed to \"{}\" twice", route.resource.text(), route.upstream),
                     "remove one of these routes");
    }
}

void check_map(const FleetSource& source, std::size_t index, Findings& findings) {
    const ResourceMap& map = source.fleet.maps[index];
    const auto key = [](std::size_t at, std::string_view name) {
        return fmt::format("map[{}].{}", at, name);
    };
    if (map.path.object == 0 || map.name.empty()) return;  // missing or wrong, and told
    if (const auto problem = problem_of(map.path)) {
        findings.add(source.file, key(index, "object"),
                     fmt::format("the resource {} {}", to_text(map.path), *problem),
                     "choose another; docs/pelion.md has the table");
    }
    for (std::size_t earlier = 0; earlier < index; ++earlier) {
        const ResourceMap& other = source.fleet.maps[earlier];
        if (other.path == map.path) {
            findings.add(
                source.file, key(index, "object"),
                fmt::format("\"{}\" and \"{}\" both go to {}", other.name, map.name, to_text(map.path)),
                "give one of them another instance");
        } else if (other.name == map.name && (other.unit.empty() || other.unit == map.unit)) {
            findings.add(source.file, key(index, "name"),
                         fmt::format("\"{}\" is mapped already, to {}", map.name, to_text(other.path)),
                         "remove one of the two");
        }
    }
}

void warn_of_unread_maps(const Config& config, const FleetSource& source, Findings& findings) {
    const bool read = std::ranges::any_of(source.fleet.routes, [&](const Route& route) {
        const UpstreamConfig* upstream = config.upstream(route.upstream);
        return upstream == nullptr || upstream->profile == ProfileKind::kPelionEdge;
    });
    if (source.fleet.maps.empty() || read) return;
    findings.warn(source.file, "map[0]",
                  "no route of this fleet leads to a \"pelion-edge\" upstream, which alone reads maps",
                  "add such a route, or remove each [[map]]");
}

void warn_of_idle_upstreams(const Config& config, const std::vector<FleetSource>& fleets,
                            const std::string& file, Findings& findings) {
    for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
        const std::string& name = config.upstreams[i].connection.name;
        const bool used = std::ranges::any_of(fleets, [&](const FleetSource& source) {
            return std::ranges::find(source.fleet.routes, name, &Route::upstream) !=
                   source.fleet.routes.end();
        });
        if (used || name.empty()) continue;
        findings.warn(file, upstream_key(i, "name"),
                      fmt::format("no route of any fleet leads to \"{}\"", name),
                      "add a [[route]] to a fleet's file, or remove this upstream");
    }
}

}  // namespace

void check_fleets(const Config& config, const std::string& file, const std::vector<FleetSource>& fleets,
                  Findings& findings) {
    warn_of_idle_upstreams(config, fleets, file, findings);
    for (std::size_t i = 0; i < fleets.size(); ++i) {
        const FleetSource& source = fleets[i];
        const Fleet& fleet = source.fleet;
        const auto same_name = [&](const FleetSource& other) { return other.fleet.name == fleet.name; };
        const auto earlier =
            std::ranges::find_if(fleets.begin(), fleets.begin() + static_cast<long>(i), same_name);
        if (!fleet.name.empty() && earlier != fleets.begin() + static_cast<long>(i)) {
            findings.add(source.file, std::string("fleet.name"),
                         fmt::format("a second fleet \"{}\"; the first is in {}", fleet.name, earlier->file),
                         "give each fleet a name of its own");
        }
        check_intervals(config, source, findings);
        if (fleet.routes.empty() && !source.routes_told) {
            Position place = findings.origins.of(source.file, "fleet");
            if (place.line == 0) place = {.line = 1, .column = 1};
            findings.add(source.file, place, "the fleet has no route, so its nodes could send nothing",
                         "add a [[route]] with resource, upstream and topic");
        }
        for (std::size_t index = 0; index < fleet.routes.size(); ++index)
            check_route(config, source, index, findings);
        warn_of_unread_maps(config, source, findings);
        for (std::size_t index = 0; index < fleet.maps.size(); ++index)
            check_map(source, index, findings);
    }
}

}  // namespace narrowgate::daemon
