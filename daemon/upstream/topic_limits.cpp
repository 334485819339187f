// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_limits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/upstream/aws_limits.hpp"

namespace narrowgate::daemon {
namespace {

std::string_view counted_part(std::string_view topic, const TopicLimits& limits) {
    if (limits.uncounted_prefix.empty() || !topic.starts_with(limits.uncounted_prefix)) return topic;
    std::string_view rest = topic;
    for (std::size_t level = 0; level < limits.uncounted_levels; ++level) {
        const std::size_t slash = rest.find('/');
        if (slash == std::string_view::npos) return {};
        rest.remove_prefix(slash + 1);
    }
    return rest;
}

}  // namespace

TopicLimits aws_topic_limits() {
    return {.max_bytes = aws::kMaxTopicBytes,
            .max_slashes = aws::kMaxTopicSlashes,
            .uncounted_prefix = aws::kBasicIngestPrefix,
            .uncounted_levels = 3};
}

std::optional<std::string> beyond_limits(std::string_view topic, const TopicLimits& limits) {
    const std::string_view counted = counted_part(topic, limits);
    if (counted.size() > limits.max_bytes) {
        return fmt::format("a topic of {} bytes, and the broker takes {}", counted.size(), limits.max_bytes);
    }
    if (!limits.max_slashes) return std::nullopt;
    const auto slashes = static_cast<std::size_t>(std::ranges::count(counted, '/'));
    if (slashes <= *limits.max_slashes) return std::nullopt;
    return fmt::format("a topic with {} slashes, and the broker takes {}", slashes, *limits.max_slashes);
}

}  // namespace narrowgate::daemon
