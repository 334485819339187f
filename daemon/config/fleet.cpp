// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "daemon/config/sections.hpp"
#include "daemon/upstream/aws_topics.hpp"
#include "daemon/upstream/topic_template.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, payload::ContentFormat>, 6> kFormats = {
    {{"opaque", payload::kOctetStream},
     {"text", payload::kTextPlain},
     {"json", payload::kJson},
     {"cbor", payload::kCbor},
     {"senml-json", payload::kSenmlJson},
     {"senml-cbor", payload::kSenmlCbor}}};

// In base64 and with its envelope, this still fits one message of AWS IoT Core (128 KiB).
constexpr std::uint64_t kLargestPayload = std::uint64_t{64} * 1024;

// LwM2M's identifiers have 16 bits, and 65535 is none (LwM2M 1.0 section 6.1).
constexpr std::uint64_t kMaxId = 65'534;

// A month's bytes of a device are counted in 32 bits; an NB-IoT node needs years for so many.
constexpr std::uint64_t kMostTariffBytes = 4'000'000'000;
constexpr std::uint64_t kMostOverhead = 1'500;
constexpr std::size_t kCurrencyLetters = 3;

void read_policy(TableReader& table, Fleet& fleet) {
    table.require("name", "\"water-meters\"");
    table.read_name("name", fleet.name);
    table.read_size("max_payload", fleet.max_payload, {1, kLargestPayload});
    table.read_count("max_readings_per_minute", fleet.max_readings_per_minute, {0, 60'000});
    table.read_duration("report_interval", fleet.report_interval, {1s, 24h});
    fleet.reports_expected = table.has("report_interval");
    table.read_count("missed_reports", fleet.missed_reports, {1, 1'000});
    table.read_choice<payload::ContentFormat>("no_content_format", fleet.no_content_format, kFormats);
    table.read_flag("split_uri_path", fleet.messages.split_uri_path);

    coap::TransmissionParameters& transmission = fleet.messages.transmission;
    table.read_duration("ack_timeout", transmission.ack_timeout, {100ms, 10min});
    table.read_number("ack_random_factor", transmission.ack_random_factor, {1.0, 4.0});
    table.read_count("max_retransmit", transmission.max_retransmit, {0, 16});
    table.read_duration("max_latency", transmission.max_latency, {0ms, 1h});
    if (transmission.exchange_lifetime() > coap::Exchanges::kLongestLifetime) {
        table.wrong("ack_timeout", "and its fellows ask to remember each message for more than an hour",
                    "lower ack_timeout, max_retransmit or max_latency (RFC 7252 section 4.8.2)");
    }
}

// Nothing is asked for where the file has no such table.
void read_tariff(TableReader& table, Tariff& tariff, bool asked) {
    if (asked) {
        table.require("included", "\"500 KB\"");
        table.require("price_per_mb", "0.40");
    }
    table.read_volume("included", tariff.included, {0, kMostTariffBytes});
    table.read_number("price_per_mb", tariff.price_per_mb, {0, 1'000'000});
    table.read_text("currency", tariff.currency);
    const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (tariff.currency.size() != kCurrencyLetters || !std::ranges::all_of(tariff.currency, is_letter)) {
        table.wrong("currency", "is no currency", "write its three letters (ISO 4217), such as \"EUR\"");
    }
    table.read_count("overhead", tariff.overhead, {0, kMostOverhead});
    table.read_volume("unit", tariff.unit, {1, kMostTariffBytes});
}

// In place of a topic. False when it cannot be used; the mistake has been told.
bool read_shadow(TableReader& table, Route& route) {
    table.read_text("shadow", route.shadow);
    std::string thing = "{device}";
    table.read_text("thing", thing);
    if (const auto fault = aws::thing_template_fault(thing)) {
        table.wrong("thing", "cannot be used: " + *fault, "write it as \"{device}\" or \"meter-{device}\"");
        return false;
    }
    if (route.shadow.empty()) {
        if (table.has("thing"))
            table.wrong("thing", "is for shadows, and the route has none", "add a shadow, or remove thing");
        return !table.has("thing");
    }
    if (!aws::is_shadow_name(route.shadow)) {
        table.wrong("shadow", "is no name of a shadow",
                    "write \"classic\", or a name of letters, digits, ':', '_' and '-', at most 64");
        return false;
    }
    if (!route.topic.empty()) {
        table.wrong("shadow", "has a topic of its own, and the route names another",
                    "remove topic and rule, or shadow");
        return false;
    }
    route.topic = aws::shadow_topic(thing, route.shadow);
    return true;
}

// What a route to AWS IoT Core may say beside a topic, or in its place.
void read_aws(TableReader& table, Route& route) {
    table.read_text("rule", route.rule);
    if (!route.rule.empty() && aws::is_rule_name(route.rule)) {
        route.topic = aws::basic_ingest_topic(route.rule, route.topic);
    } else if (!route.rule.empty()) {
        table.wrong("rule", "is no name of a rule", "use letters, digits and '_', at most 128");
        route.rule.clear();
    }
    if (!read_shadow(table, route)) route.shadow.clear();
    const bool has_some = table.has("topic") || table.has("rule") || table.has("shadow");
    if (route.topic.empty() && has_some) route.topic = "{device}";  // what is wrong has been told
}

// Nothing when the route's resource is not usable; the mistake has been told.
std::optional<Route> read_route(TableReader& table) {
    Route route;
    std::string resource;
    table.require("resource", "\"telemetry\"");
    table.read_text("resource", resource);
    table.require("upstream", "\"aws\"");
    table.read_name("upstream", route.upstream);
    table.read_text("topic", route.topic);  // missing or not: by the upstream's profile (checks.cpp)
    if (!route.topic.empty()) {
        if (const auto topic = TopicTemplate::parse(route.topic); !topic)
            table.wrong("topic", "cannot be used: " + topic.error().what, topic.error().cure);
    }
    read_aws(table, route);
    const bool told = table.has("topic") || table.has("rule") || table.has("shadow");
    if (route.topic.empty() && told) route.topic = "{device}";
    if (resource.empty()) return std::nullopt;
    auto pattern = coap::PathPattern::parse(resource);
    if (!pattern) {
        table.wrong("resource", "cannot be used: " + pattern.error().what, pattern.error().cure);
        return std::nullopt;
    }
    route.resource = *std::move(pattern);
    return route;
}

ResourceMap read_map(TableReader& table) {
    ResourceMap map;
    table.require("name", "\"volume\"");
    table.read_text("name", map.name);
    table.read_text("unit", map.unit);
    table.require("object", "3424");
    table.read_count("object", map.path.object, {1, kMaxId});
    table.read_count("instance", map.path.instance, {0, kMaxId});
    table.read_count("resource", map.path.resource, {0, kMaxId});
    return map;
}

}  // namespace

Fleet read_fleet(TableReader& top) {
    Fleet fleet;
    top.read_table("fleet", [&](TableReader& table) { read_policy(table, fleet); });
    top.read_table("tariff", [&, asked = top.has("tariff")](TableReader& table) {
        Tariff tariff;
        read_tariff(table, tariff, asked);
        if (asked) fleet.tariff = std::move(tariff);
    });
    top.read_tables("route", [&](TableReader& table) {
        // An unusable one keeps its place, so that checks find the others by their number.
        fleet.routes.push_back(read_route(table).value_or(Route{}));
    });
    top.read_tables("map", [&](TableReader& table) { fleet.maps.push_back(read_map(table)); });
    return fleet;
}

}  // namespace narrowgate::daemon
