// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "daemon/config/sections.hpp"
#include "daemon/config/units.hpp"
#include "daemon/upstream/aws_limits.hpp"
#include "daemon/upstream/topic_limits.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::daemon {
namespace {

// The longest path that a unix socket can have, its NUL left out (unix(7)).
constexpr std::size_t kMaxSocketPathBytes = 107;

std::string upstream_key(std::size_t index, std::string_view key) {
    return fmt::format("upstream[{}].{}", index, key);
}

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
    findings.warn(source.file, route_key(index, "topic"),
                  fmt::format("has {{device}}, so that no batch of \"{}\" holds readings of two devices",
                              route.upstream),
                  "leave {device} out, since each row of a batch names its device; or write batch_size = 0");
}

// What AWS IoT Core would drop or slow down without a word.
void warn_of_aws_limits(const Config& config, std::size_t index, const std::string& file,
                        Findings& findings) {
    const UpstreamConfig& upstream = config.upstreams[index];
    if (upstream.profile != ProfileKind::kAwsIot) return;
    const PaceLimits& pace = upstream.pace;
    // A rate that is not positive is no limit.
    const auto check_rate = [&](std::string_view key, auto rate, auto most, std::string_view otherwise) {
        if (rate > 0 && rate <= most) return;
        findings.warn(file, upstream_key(index, key),
                      fmt::format("is {}: AWS IoT Core {} on one connection",
                                  rate <= 0 ? "no limit" : "too much", otherwise),
                      "leave it out, and raise connections for more");
    };
    check_rate("publishes_per_second", pace.publishes_per_second, aws::kMostPublishesPerSecond,
               "drops what is above 100");
    check_rate("bytes_per_second", pace.bytes_per_second, aws::kMostBytesPerSecond,
               "slows down what is above 512 KiB");
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
            findings.add(source.file, route_key(index, "topic"), "is " + *why,
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

}  // namespace

void check_gateway(const Config& config, const std::string& file, Findings& findings) {
    const auto socket = config.gateway.control_socket();
    if (socket.native().size() > kMaxSocketPathBytes) {
        findings.add(file, "gateway.runtime_directory",
                     fmt::format("the control socket's path would be {} bytes long, and {} are possible",
                                 socket.native().size(), kMaxSocketPathBytes),
                     "choose a shorter runtime_directory");
    }
    if (config.upstreams.size() > store::kMaxUpstreams) {
        findings.add(file, upstream_key(store::kMaxUpstreams, "name"),
                     fmt::format("there are {} upstreams", config.upstreams.size()),
                     fmt::format("{} are possible; remove the others", store::kMaxUpstreams));
    }
    for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
        warn_of_aws_limits(config, i, file, findings);
        const mqtt::ConnectionOptions& upstream = config.upstreams[i].connection;
        for (std::size_t j = 0; j < i; ++j) {
            const mqtt::ConnectionOptions& other = config.upstreams[j].connection;
            if (!upstream.name.empty() && other.name == upstream.name) {
                findings.add(file, upstream_key(i, "name"),
                             fmt::format("a second upstream \"{}\"", upstream.name),
                             "give each upstream a name of its own");
            } else if (!upstream.url.empty() && !upstream.client_id.empty() && other.url == upstream.url &&
                       other.client_id == upstream.client_id) {
                findings.add(file, upstream_key(i, "client_id"),
                             fmt::format("upstreams \"{}\" and \"{}\" are the same client at the same broker",
                                         other.name, upstream.name),
                             "give one of them another client_id: a broker ends the older of two such "
                             "connections");
            }
        }
    }
}

void check_fleets(const Config& config, const std::vector<FleetSource>& fleets, Findings& findings) {
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
        if (fleet.routes.empty()) {
            findings.add(source.file, Position{}, "the fleet has no route, so its nodes could send nothing",
                         "add a [[route]] with resource, upstream and topic");
        }
        if (fleet.max_payload >= config.store.max_size) {
            findings.add(source.file, std::string("fleet.max_payload"), "one payload would fill the store",
                         "make max_payload smaller than the store's max_size");
        }
        for (std::size_t index = 0; index < fleet.routes.size(); ++index)
            check_route(config, source, index, findings);
        for (std::size_t index = 0; index < fleet.maps.size(); ++index)
            check_map(source, index, findings);
    }
}

}  // namespace narrowgate::daemon
