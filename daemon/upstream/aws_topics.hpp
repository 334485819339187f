// SPDX-License-Identifier: Apache-2.0
//
// The reserved topics of AWS IoT Core that readings go to: Basic Ingest ("$aws/rules/…") and device shadows
// ("$aws/things/…"), and the names in them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace narrowgate::daemon::aws {

// "classic" in the configuration: the shadow of a thing that has no name.
inline constexpr std::string_view kClassicShadow = "classic";

// CreateTopicRule: [A-Za-z0-9_], 1 to 128.
bool is_rule_name(std::string_view name);
// Device Shadow service: [A-Za-z0-9:_-], 1 to 64.
bool is_shadow_name(std::string_view name);
// CreateThing: [A-Za-z0-9:_-], 1 to 128.
bool is_thing_name(std::string_view name);

// The template of a Basic Ingest topic; `rest` may be empty.
std::string basic_ingest_topic(std::string_view rule, std::string_view rest);
// The template of the topic that takes a shadow's updates. `thing` is a template without '/'.
std::string shadow_topic(std::string_view thing, std::string_view shadow);
// Why the template of a thing's name is none, in words; nothing when it may be one.
std::optional<std::string> thing_template_fault(std::string_view thing);
// The thing whose shadow's topic this is.
std::string_view thing_of(std::string_view shadow_topic);

}  // namespace narrowgate::daemon::aws
