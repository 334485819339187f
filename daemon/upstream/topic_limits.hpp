// SPDX-License-Identifier: Apache-2.0
//
// What a broker takes of topics and payloads: asked of a template before the start, of each message after.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/upstream/topic_template.hpp"

namespace narrowgate::daemon {

struct TopicLimits {
    std::size_t max_bytes = TopicTemplate::kMaxTopicBytes;
    std::optional<std::size_t> max_slashes{};
    // Before this many levels nothing counts, when the topic begins so: "$aws/rules/NAME/" of Basic Ingest.
    std::string uncounted_prefix{};
    std::size_t uncounted_levels = 0;
};

// Of AWS IoT Core.
TopicLimits aws_topic_limits();

// Why the broker would not take this topic, in words; nothing when it would. For a template: "{device}" and
// the like count as written, since what fills them has no slash and may be short.
std::optional<std::string> beyond_limits(std::string_view topic, const TopicLimits& limits);

}  // namespace narrowgate::daemon
