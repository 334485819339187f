// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/aws_topics.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/upstream/aws_limits.hpp"
#include "daemon/upstream/topic_template.hpp"

namespace narrowgate::daemon::aws {
namespace {

constexpr std::string_view kThings = "$aws/things/";

bool is_alphanumeric(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view name, std::size_t max_bytes, std::string_view further) {
    return !name.empty() && name.size() <= max_bytes && std::ranges::all_of(name, [&](char c) {
        return is_alphanumeric(c) || further.find(c) != std::string_view::npos;
    });
}

}  // namespace

bool is_rule_name(std::string_view name) {
    return is_name(name, kMaxRuleNameBytes, "_");
}

bool is_shadow_name(std::string_view name) {
    return is_name(name, kMaxShadowNameBytes, ":_-");
}

bool is_thing_name(std::string_view name) {
    return is_name(name, kMaxThingNameBytes, ":_-");
}

std::string basic_ingest_topic(std::string_view rule, std::string_view rest) {
    return fmt::format("{}{}{}{}", kBasicIngestPrefix, rule, rest.empty() ? "" : "/", rest);
}

std::string shadow_topic(std::string_view thing, std::string_view shadow) {
    if (shadow == kClassicShadow) return fmt::format("{}{}/shadow/update", kThings, thing);
    return fmt::format("{}{}/shadow/name/{}/update", kThings, thing, shadow);
}

std::optional<std::string> thing_template_fault(std::string_view thing) {
    const auto parsed = TopicTemplate::parse(thing);
    if (!parsed) return parsed.error().what;
    if (parsed->has_resource()) return "{resource} may hold a '/', and a thing's name may not";
    const std::string sample = parsed->fill({.fleet = "x", .device = "x", .resource = "x", .gateway = "x"});
    if (is_thing_name(sample)) return std::nullopt;
    return "a thing's name has 1 to 128 of A-Z a-z 0-9 : _ -";
}

std::string_view thing_of(std::string_view shadow_topic) {
    if (!shadow_topic.starts_with(kThings)) return {};
    shadow_topic.remove_prefix(kThings.size());
    return shadow_topic.substr(0, shadow_topic.find('/'));
}

}  // namespace narrowgate::daemon::aws
