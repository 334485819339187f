// SPDX-License-Identifier: Apache-2.0
#include "sim/aws_topics.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace narrowgate::sim {
namespace {

constexpr std::size_t kMaxTopicBytes = 256;
constexpr std::size_t kMaxSlashes = 7;
constexpr std::size_t kMaxShadowBytes = 8 * 1024;
// "$aws/rules/NAME/" counts neither in bytes nor in slashes.
constexpr std::string_view kRules = "$aws/rules/";

std::vector<std::string_view> levels_of(std::string_view topic) {
    std::vector<std::string_view> levels;
    for (;;) {
        const auto slash = topic.find('/');
        levels.push_back(topic.substr(0, slash));
        if (slash == std::string_view::npos) return levels;
        topic.remove_prefix(slash + 1);
    }
}

bool is_within_limits(std::string_view topic) {
    return topic.size() <= kMaxTopicBytes &&
           static_cast<std::size_t>(std::ranges::count(topic, '/')) <= kMaxSlashes;
}

bool is_shadow_update(std::string_view topic) {
    const auto levels = levels_of(topic);
    if (levels.size() < 5 || levels[0] != "$aws" || levels[1] != "things" || levels[2].empty()) return false;
    if (levels[3] != "shadow" || levels.back() != "update") return false;
    return levels.size() == 5 || (levels.size() == 7 && levels[4] == "name" && !levels[5].empty());
}

}  // namespace

TopicKind kind_of_topic(std::string_view topic) {
    if (topic.empty() || topic.find_first_of("+#") != std::string_view::npos) return TopicKind::kInvalid;
    if (topic.starts_with(kRules)) {
        const std::string_view rest = topic.substr(kRules.size());
        const auto slash = rest.find('/');
        if (slash == 0 || rest.empty()) return TopicKind::kReserved;
        const bool fits = slash == std::string_view::npos || is_within_limits(rest.substr(slash + 1));
        return fits ? TopicKind::kBasicIngest : TopicKind::kInvalid;
    }
    if (!is_within_limits(topic)) return TopicKind::kInvalid;
    if (!topic.starts_with('$')) return TopicKind::kPlain;
    return is_shadow_update(topic) ? TopicKind::kShadowUpdate : TopicKind::kReserved;
}

bool is_shadow_document(ByteView payload) {
    if (payload.size() > kMaxShadowBytes) return false;
    const auto json = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
    if (!json.is_object()) return false;
    const auto state = json.find("state");
    if (state == json.end() || !state->is_object()) return false;
    const auto reported = state->find("reported");
    return reported != state->end() && reported->is_object();
}

bool matches(std::string_view filter, std::string_view topic) {
    const auto wanted = levels_of(filter), given = levels_of(topic);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] == "#") return given.size() > i;
        if (i >= given.size() || (wanted[i] != "+" && wanted[i] != given[i])) return false;
    }
    return wanted.size() == given.size();
}

}  // namespace narrowgate::sim
