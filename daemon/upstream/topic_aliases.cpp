// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/topic_aliases.hpp"

#include <algorithm>

namespace narrowgate::daemon {

void TopicAliases::begin(std::uint16_t maximum) {
    maximum_ = std::min(maximum, kMost);
    aliases_.clear();
}

void TopicAliases::apply(mqtt::Publish& message) {
    if (maximum_ == 0) return;
    auto alias = std::ranges::find(aliases_, message.topic, &Alias::topic);
    const bool is_known = alias != aliases_.end();
    if (!is_known && aliases_.size() < maximum_) {
        alias = aliases_.insert(aliases_.end(), Alias{});
    } else if (!is_known) {
        alias = std::ranges::min_element(aliases_, {}, &Alias::used);
    }
    alias->used = ++uses_;
    message.topic_alias = static_cast<std::uint16_t>(alias - aliases_.begin() + 1);
    if (is_known) {
        message.topic.clear();
    } else {
        alias->topic = message.topic;
    }
}

}  // namespace narrowgate::daemon
