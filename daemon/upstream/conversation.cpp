// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/conversation.hpp"

#include <fmt/format.h>

#include "daemon/events.hpp"

namespace narrowgate::daemon {

void Conversation::connected() {
    pending_ = 0;
    refused_.clear();
    begins_ = true;
    if (dialogue_ == nullptr) return;
    // By their place; a link that takes none says in an event that it has gone.
    for (const mqtt::Subscription& subscription : dialogue_->subscriptions())
        if (link_.subscribe(pending_, subscription)) ++pending_;
}

void Conversation::disconnected() {
    if (dialogue_ != nullptr) dialogue_->disconnected();
}

void Conversation::on_event(const mqtt::Event& event, const Now& now) {
    if (dialogue_ == nullptr) return;
    if (event.kind == mqtt::Event::Kind::kMessage) {
        dialogue_->heard(*event.message, now);
        tell();
        return;
    }
    if (pending_ == 0) return;
    if (mqtt::verdict_of(event.code) != mqtt::Verdict::kTaken) {
        const auto all = dialogue_->subscriptions();
        refused_ = event.token < all.size() ? all[event.token].filter : "a topic";
        log_.write(kEvent<"upstream.subscription_refused">, {.upstream = upstream_},
                   "upstream {}: the broker refuses the subscription of {}: {}", upstream_, refused_,
                   mqtt::to_words(event.code));
    }
    if (--pending_ == 0) dialogue_->connected(now);
}

void Conversation::turn(const Now& now) {
    if (dialogue_ == nullptr) return;
    dialogue_->turn(now);
    for (const ReadingNumber number : dialogue_->released())
        lanes_.put_back(number);
    tell();
}

void Conversation::tell() {
    UpstreamState state;
    state.connected = true;
    dialogue_->report(state);
    const bool begins = begins_ && !takes_readings();
    begins_ = begins && (state.trouble == told_ || state.trouble.empty());
    if (state.trouble == told_) return;
    told_ = state.trouble;
    if (begins) return;
    if (told_.empty()) {
        log_.write(kEvent<"upstream.translator_ready">, {.upstream = upstream_},
                   "upstream {}: readings are taken behind its broker", upstream_);
    } else {
        log_.write(kEvent<"upstream.translator_trouble">, {.upstream = upstream_}, "upstream {}: {}",
                   upstream_, told_);
    }
}

std::optional<mqtt::Publish> Conversation::next_control() {
    if (dialogue_ == nullptr) return std::nullopt;
    return dialogue_->next_control();
}

void Conversation::hold(std::span<const ReadingNumber> numbers) {
    for (const ReadingNumber number : numbers)
        lanes_.set_aside(number);
}

std::optional<SteadyTime> Conversation::deadline() const {
    return dialogue_ == nullptr ? std::nullopt : dialogue_->deadline();
}

void Conversation::report(UpstreamState& state) const {
    if (dialogue_ == nullptr) return;
    if (state.trouble.empty() && !refused_.empty()) {
        state.trouble = fmt::format(
            "upstream {}: the broker refuses the subscription of {}; let the gateway read it (acl_file)",
            upstream_, refused_);
    }
    dialogue_->report(state);
}

}  // namespace narrowgate::daemon
