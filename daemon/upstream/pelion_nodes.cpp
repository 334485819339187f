// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_nodes.hpp"

#include <algorithm>

namespace narrowgate::daemon {
namespace {

// Between two registrations of a node that fails: from here, doubling, up to there. Edge Core that is full
// or starting does not get better by being asked.
constexpr milliseconds kFirstRetry{10'000};
constexpr milliseconds kLongestRetry{600'000};
// Of a translator that we saw start: a first silence may be a lost value, a second is none.
constexpr unsigned kSilencesOfTheRegistered = 2;

}  // namespace

PelionNodes::Node* PelionNodes::find(const std::string& name) {
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? nullptr : &found->second;
}

PelionNodes::Node* PelionNodes::find_or_add(const std::string& name) {
    if (Node* node = find(name)) return node;
    if (nodes_.size() >= max_nodes_) {
        if (turned_away_.size() < kMaxTurnedAway) turned_away_.insert(name);
        return nullptr;
    }
    ++counts_[static_cast<std::size_t>(Node::State::kNew)];
    return &nodes_[name];
}

void PelionNodes::become(Node& node, Node::State state) {
    --counts_[static_cast<std::size_t>(node.state)];
    node.state = state;
    ++counts_[static_cast<std::size_t>(state)];
}

void PelionNodes::set_timer(const std::string& name, Node& node, std::optional<SteadyTime> when) {
    if (node.timer) timers_.erase({*node.timer, name});
    node.timer = when;
    if (when) timers_.emplace(*when, name);
}

void PelionNodes::sent(const std::string& name, Node& node, SteadyTime now) {
    node.repeats = false;
    if (node.state == Node::State::kRegistered) return;
    become(node, Node::State::kAsked);
    node.asked = now;
    set_timer(name, node, now + answer_timeout_);
}

void PelionNodes::registered(const std::string& name) {
    Node* node = find(name);
    if (node == nullptr) return;
    become(*node, Node::State::kRegistered);
    node->failures = 0;
    node->silences = 0;
    set_timer(name, *node, std::nullopt);
    release(*node);
}

void PelionNodes::failed(const std::string& name, SteadyTime now) {
    Node* node = find(name);
    if (node == nullptr) return;
    become(*node, Node::State::kFailed);
    node->repeats = false;
    node->silences = 0;
    const milliseconds wait = std::min(kFirstRetry * (1U << std::min(node->failures, 6U)), kLongestRetry);
    ++node->failures;
    set_timer(name, *node, now + wait);
}

bool PelionNodes::hold(Node& node, ReadingNumber number) {
    if (held_ >= kMaxHeld) return false;
    node.held.push_back(number);
    ++held_;
    return true;
}

void PelionNodes::release(Node& node) {
    held_ -= node.held.size();
    released_.insert(released_.end(), node.held.begin(), node.held.end());
    node.held.clear();
}

bool PelionNodes::turn(SteadyTime now, std::optional<SteadyTime> last_answer, bool saw_start) {
    bool ask = false;
    while (!timers_.empty() && timers_.begin()->first <= now) {
        const std::string name = timers_.begin()->second;
        Node& node = nodes_.at(name);
        const bool failed = node.state == Node::State::kFailed;
        if (!failed && (!last_answer || *last_answer <= node.asked)) {
            // Nothing at all was heard since: first it must be known whether the translator lives.
            ask = true;
            set_timer(name, node, now + answer_timeout_);
        } else if (!failed && (!saw_start || ++node.silences >= kSilencesOfTheRegistered)) {
            registered(name);
        } else {
            set_timer(name, node, std::nullopt);
            repeat(name, node);
        }
    }
    return ask;
}

void PelionNodes::repeat(const std::string& name, Node& node) {
    if (node.repeats || node.newest.empty()) return;
    node.repeats = true;
    repeats_.push_back(name);
}

void PelionNodes::forget_registrations() {
    for (auto& [name, node] : nodes_) {
        become(node, Node::State::kNew);
        node.failures = 0;
        node.silences = 0;
        set_timer(name, node, std::nullopt);
        repeat(name, node);
    }
}

void PelionNodes::repeat_all(SteadyTime now) {
    for (auto& [name, node] : nodes_) {
        repeat(name, node);
        // It may not have heard the first value at all: its time begins anew.
        if (node.state != Node::State::kAsked) continue;
        node.asked = now;
        set_timer(name, node, now + answer_timeout_);
    }
}

std::optional<std::string> PelionNodes::next_repeat() {
    while (!repeats_.empty()) {
        std::string name = std::move(repeats_.front());
        repeats_.pop_front();
        Node* node = find(name);
        // A message of its own may have said it meanwhile.
        if (node != nullptr && node->repeats) return name;
    }
    return std::nullopt;
}

std::optional<SteadyTime> PelionNodes::deadline() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first;
}

}  // namespace narrowgate::daemon
