// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/pelion_translator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace narrowgate::daemon {
namespace {

// One answer may be lost: they are sent with QoS 0.
constexpr unsigned kMissesOfTheDeaf = 2;
// Between two requests to one that does not answer, at most.
constexpr milliseconds kLongestWait{60'000};
// Registering at Edge Core, in answer time-outs: it has to be connected first.
constexpr int kRegisteringTimeouts = 6;

constexpr std::string_view kNoAnswer =
    "the protocol translator does not answer: it is not running, has not been restarted since the broker "
    "was, "
    "or the broker does not let this gateway read MQTTPt/#; restart it, and see docs/pelion.md";

}  // namespace

PelionTranslator::PelionTranslator(std::string requests, milliseconds answer_timeout,
                                   milliseconds probe_interval)
    : requests_(std::move(requests)), answer_timeout_(answer_timeout), probe_interval_(probe_interval) {}

void PelionTranslator::connected(SteadyTime now) {
    now_ = now;
    phase_ = Phase::kStarting;
    misses_ = 0;
    asked_.reset();
    registering_.reset();
    ask_at_ = now;
    trouble_ = "the protocol translator has not answered yet";
}

void PelionTranslator::disconnected() {
    // What it answered meanwhile we did not hear, and a broker that was restarted has lost what it did not.
    may_have_missed_ = last_answer_.has_value();
    phase_ = Phase::kOffline;
    ask_at_.reset();
    asked_.reset();
    registering_.reset();
    trouble_.clear();
}

std::optional<std::string> PelionTranslator::next_request() {
    if (!ask_at_ || now_ < *ask_at_) return std::nullopt;
    ask_at_.reset();
    asked_ = now_;
    return fmt::format("{}-{}", requests_, ++request_);
}

void PelionTranslator::probe(SteadyTime now) {
    if (phase_ == Phase::kReady && !asked_) ask_at_ = now;
}

void PelionTranslator::ready(SteadyTime now) {
    phase_ = Phase::kReady;
    registering_.reset();
    misses_ = 0;
    trouble_.clear();
    ask_at_ = now + probe_interval_;
}

void PelionTranslator::ask_again(SteadyTime now) {
    const milliseconds wait = answer_timeout_ * (1U << std::min(misses_, 6U)) / 2;
    ask_at_ = now + std::min(wait, std::max(kLongestWait, answer_timeout_));
}

PelionTranslator::News PelionTranslator::lost(std::string trouble, SteadyTime now) {
    trouble_ = std::move(trouble);
    phase_ = Phase::kStarting;
    registering_.reset();
    may_have_missed_ = true;
    ask_again(now);
    return News::kGone;
}

PelionTranslator::News PelionTranslator::turn(SteadyTime now) {
    now_ = now;
    if (asked_ && now >= *asked_ + answer_timeout_) {
        asked_.reset();
        ++misses_;
        if (phase_ == Phase::kReady && misses_ < kMissesOfTheDeaf) {
            ask_at_ = now;
        } else {
            return lost(std::string(kNoAnswer), now);
        }
    }
    if (registering_ && now >= *registering_ + kRegisteringTimeouts * answer_timeout_) {
        return lost("the protocol translator has started but does not register: is Edge Core running?", now);
    }
    return News::kNone;
}

PelionTranslator::News PelionTranslator::heard(const TranslatorAnswer& answer, SteadyTime now) {
    using Kind = TranslatorAnswer::Kind;
    if (phase_ == Phase::kOffline) return News::kNone;
    now_ = now;
    const bool is_request = answer.kind == Kind::kStarting || answer.kind == Kind::kStartedBefore ||
                            answer.kind == Kind::kStartRefused;
    // Also the answer to an earlier request, given up by now: it tells as much.
    if (is_request && !answer.request_id.starts_with(requests_ + "-")) return News::kNone;
    last_answer_ = now;
    if (is_request) {
        asked_.reset();
        misses_ = 0;
    }
    switch (answer.kind) {
        case Kind::kStarting:
            phase_ = Phase::kRegistering;
            registering_ = now;
            ask_at_.reset();
            trouble_ = "the protocol translator has started and registers at Edge Core";
            may_have_missed_ = false;
            return News::kFresh;
        case Kind::kStartedBefore:
            // While it registers, the next word is about that.
            if (phase_ == Phase::kRegistering) return News::kNone;
            ready(now);
            return std::exchange(may_have_missed_, false) ? News::kBack : News::kNone;
        case Kind::kStartRefused:
            return lost(fmt::format("the protocol translator refuses to start (error {}); read its log",
                                    answer.error.substr(0, 32)),
                        now);
        case Kind::kRegistered: {
            // A value that came first, from whomever, starts it too; then nobody else says that it is new.
            const bool told = phase_ == Phase::kRegistering;
            ready(now);
            saw_start_ = true;
            ++starts_;
            may_have_missed_ = false;
            return told ? News::kNone : News::kFresh;
        }
        case Kind::kNotRegistered:
            return lost("the protocol translator could not register at Edge Core and has ended: restart it",
                        now);
        case Kind::kUnregistered:
            return lost("the protocol translator has ended: restart it", now);
        case Kind::kNodeRegistered:
        case Kind::kNodeFailed:
            break;
    }
    return News::kNone;
}

std::optional<SteadyTime> PelionTranslator::deadline() const {
    std::optional<SteadyTime> first;
    const auto at = [&](std::optional<SteadyTime> when) {
        if (when) first = first ? std::min(*first, *when) : *when;
    };
    at(ask_at_);
    if (asked_) at(*asked_ + answer_timeout_);
    if (registering_) at(*registering_ + kRegisteringTimeouts * answer_timeout_);
    return first;
}

}  // namespace narrowgate::daemon
