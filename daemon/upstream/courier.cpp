// SPDX-License-Identifier: Apache-2.0
//
// The courier's connection: made, ended, and made again. What goes over it is in courier_publish.cpp.
#include "daemon/upstream/courier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "daemon/events.hpp"

namespace narrowgate::daemon {
namespace {

// DISCONNECT is written in this time or not at all.
constexpr milliseconds kDisconnectLimit{1000};
// Connections running that end soon though readings pass: from then on people are told.
constexpr unsigned kBriefConnections = 5;

}  // namespace

Courier::Courier(CourierOptions options, ReadingSource& source, Link& link, Profile& profile,
                 std::shared_ptr<const Routes> routes, Log& log, std::uint64_t seed)
    : options_(std::move(options)),
      source_(source),
      link_(link),
      profile_(profile),
      log_(log),
      routes_(std::move(routes)),
      lanes_(source),
      conversation_(options_.name, profile.dialogue(), link, lanes_, log),
      pace_(options_.pace),
      reconnect_wait_(options_.reconnect, seed),
      throttle_wait_(options_.throttle, seed + 1),
      pause_wait_(options_.pause, seed + 2),
      limits_(options_.window) {
    status_.state.name = options_.name;
    heads_.push_back({.from = SteadyTime::min(), .until = SteadyTime::min(), .head = source_.head()});
}

void Courier::on_event(const mqtt::Event& event, const Now& now) {
    if (event.attempt != attempt_ || phase_ == Phase::kWaiting || phase_ == Phase::kOver) return;
    switch (event.kind) {
        case mqtt::Event::Kind::kConnected:
            connected(event, now);
            break;
        case mqtt::Event::Kind::kPublished:
            answered(event, now);
            break;
        case mqtt::Event::Kind::kSubscribed:
        case mqtt::Event::Kind::kMessage:
            conversation_.on_event(event, now);
            break;
        case mqtt::Event::Kind::kConnectFailed:
            disconnected(event.error, now, mqtt::rule_of(mqtt::Packet::kConnack, event.code).reaction);
            break;
        case mqtt::Event::Kind::kLost:
            disconnected(event.error, now, mqtt::rule_of(mqtt::Packet::kDisconnect, event.code).reaction);
            break;
    }
}

void Courier::turn(const Now& now) {
    if (phase_ == Phase::kOver) return;
    for (std::optional<SteadyTime>* const resumes :
         {&backlog_resumes_, &live_resumes_, &all_resumes_, &store_resumes_, &pace_resumes_, &company_until_,
          &replay_resumes_}) {
        if (*resumes && now.steady >= **resumes) resumes->reset();
    }
    note_head(now);
    settle();
    if (stop_by_ && (phase_ != Phase::kConnected || in_flight_.empty() || now.steady >= *stop_by_)) {
        link_.disconnect(kDisconnectLimit);
        phase_ = Phase::kOver;
        status_.state.connected = false;
        return;
    }
    if (phase_ == Phase::kConnecting && now.steady >= phase_since_ + options_.connect_limit) {
        link_.disconnect(milliseconds(0));
        disconnected({"upstream " + options_.name + ": no end of connecting", "nothing: it is tried again"},
                     now);
    }
    if (phase_ == Phase::kConnected && !in_flight_.empty() &&
        now.steady >= in_flight_.begin()->second.sent + options_.answer_limit) {
        link_.disconnect(milliseconds(0));
        disconnected({fmt::format("upstream {}: a publish was not acknowledged within {} s", options_.name,
                                  options_.answer_limit.count()),
                      "the broker drops publishes (a limit of its rate?) or hangs: read its log"},
                     now);
    }
    if (const auto returned = source_.returned()) lanes_.look_again(*returned);
    if (suspects_.due() && now.steady >= *suspects_.due()) condemn_suspects();
    if (phase_ == Phase::kWaiting && now.steady >= next_connect_) connect(now);
    if (phase_ == Phase::kConnected && !stop_by_) publish(now);
    settle();
}

void Courier::settle() {
    if (acknowledged_.empty()) return;
    source_.acknowledge(acknowledged_);
    acknowledged_.clear();
}

std::optional<SteadyTime> Courier::deadline() const {
    std::optional<SteadyTime> first;
    const auto at = [&](SteadyTime when) { first = first ? std::min(*first, when) : when; };
    switch (phase_) {
        case Phase::kOver:
            return std::nullopt;
        case Phase::kWaiting:
            at(next_connect_);
            break;
        case Phase::kConnecting:
            at(phase_since_ + options_.connect_limit);
            break;
        case Phase::kConnected:
            if (!in_flight_.empty()) at(in_flight_.begin()->second.sent + options_.answer_limit);
            for (const auto& resumes : {backlog_resumes_, live_resumes_, all_resumes_, store_resumes_,
                                        pace_resumes_, company_until_, replay_resumes_}) {
                if (resumes) at(*resumes);
            }
            if (const auto when = conversation_.deadline(); when && may_send() && !stop_by_) at(*when);
            break;
    }
    if (suspects_.due()) at(*suspects_.due());
    if (stop_by_) at(*stop_by_);
    return first;
}

void Courier::note_head(const Now& now) {
    // The newest that is too old stays: it says where the last live_for began.
    while (heads_.size() > 1 && heads_[1].until + options_.live_for <= now.steady)
        heads_.pop_front();
    // One a second is fine enough.
    if (now.steady >= heads_.back().from + seconds(1)) heads_.push_back({.from = now.steady});
    heads_.back().until = now.steady;
    heads_.back().head = source_.head();
}

void Courier::connect(const Now& now) {
    last_connect_ = now.steady;
    phase_ = Phase::kConnecting;
    phase_since_ = now.steady;
    attempt_ = link_.connect();
}

void Courier::connected(const mqtt::Event& event, const Now& now) {
    phase_ = Phase::kConnected;
    phase_since_ = now.steady;
    last_connect_ = now.steady;
    limits_.connected(event.limits);
    tell_profile_of_limits();
    delivered_ = false;
    refused_ = false;
    aliases_.begin(event.limits.topic_alias_maximum);
    status_.state.connected = true;
    status_.state.since = now.wall;
    status_.state.reconnects = connections_++;
    log_.write(kEvent<"upstream.connected">, subject(), "upstream {}: connected", options_.name);
    if (!refusals_.is_pausing() && !reconnect_wait_.is_disputed()) set_trouble({});
    poison_.connected();
    note_head(now);
    lanes_.begin(profile_.in_order() ? std::numeric_limits<ReadingNumber>::max() : heads_.front().head);
    conversation_.connected();
}

void Courier::disconnected(const Error& error, const Now& now, mqtt::Reaction reaction) {
    const bool stood = phase_ == Phase::kConnected;
    const auto stood_for = stood ? now.steady - phase_since_ : SteadyTime::duration::zero();
    if (stood) {
        limits_.ended(stood_for);
        learn_from_end(error, reaction);
    } else {
        // One that we have refused is still connected.
        if (reaction == mqtt::Reaction::kOperator) link_.disconnect(milliseconds(0));
        if (!status_.state.since) status_.state.since = now.wall;
    }
    const auto wait = reconnect_wait_.after({.reaction = reaction,
                                             .stood = stood_for,
                                             .delivered = stood && delivered_,
                                             .refused = stood && refused_});
    end_connection(now, wait);
    tell_trouble(error, reaction, wait);
}

void Courier::end_connection(const Now& now, milliseconds wait) {
    // What is in flight may have arrived or not: all of it is sent again, under the same ids.
    in_flight_.clear();
    backlog_in_flight_ = 0;
    backlog_bytes_in_flight_ = 0;
    conversation_.disconnected();
    if (phase_ == Phase::kConnected) status_.state.since = now.wall;
    status_.state.connected = false;
    phase_ = Phase::kWaiting;
    phase_since_ = now.steady;
    next_connect_ = now.steady + wait;
}

void Courier::learn_from_end(const Error& error, mqtt::Reaction reaction) {
    if (in_flight_.empty()) return;
    if (reaction == mqtt::Reaction::kHalveWindow) limits_.window_was_too_wide();
    if (reaction == mqtt::Reaction::kShrinkPacket) {
        const auto largest = std::ranges::max_element(
            in_flight_, {}, [](const auto& entry) { return entry.second.packet_bytes; });
        if (limits_.packet_was_too_large(largest->second.packet_bytes)) return;
    }
    // When it says another reason, nothing in flight was it.
    if (reaction != mqtt::Reaction::kReconnect && reaction != mqtt::Reaction::kBlamePublish &&
        reaction != mqtt::Reaction::kShrinkPacket) {
        return;
    }
    const auto& oldest = in_flight_.begin()->second.numbers;
    if (oldest.empty()) return;  // a profile's own message
    const bool alone = in_flight_.size() == 1 && oldest.size() == 1;
    const auto culprit = poison_.lost(oldest.front(), alone);
    if (!culprit) return;
    log_.write(kEvent<"upstream.reading_set_aside">, subject(),
               "upstream {}: the broker ends the connection whenever reading {} is sent", options_.name,
               *culprit);
    dead_letter(*culprit, "the broker ended the connection each time it was sent: " + error.what);
}

void Courier::tell_trouble(const Error& error, mqtt::Reaction reaction, milliseconds wait) {
    const bool for_a_person = reaction == mqtt::Reaction::kOperator || reaction == mqtt::Reaction::kDuplicate;
    // The same words each time would fill the log while a broker is down.
    if (error.text() == status_.state.trouble) {
        log_.debug("{} (again; next try in {} ms)", error.text(), wait.count());
    } else if (for_a_person) {
        log_.write(kEvent<"upstream.needs_attention">, subject(), error);
    } else {
        log_.write(kEvent<"upstream.connection_failed">, subject(), error);
    }
    set_trouble(error.text());
    if (reconnect_wait_.brief_connections() == kBriefConnections) {
        log_.write(kEvent<"upstream.brief_connections">, subject(),
                   "upstream {}: {} connections running have ended soon after they were made", options_.name,
                   kBriefConnections);
    }
}

void Courier::reconnect(const Now& now) {
    if (phase_ == Phase::kOver || stop_by_) return;
    link_.disconnect(kDisconnectLimit);
    // While it connects, CONNECT may just have been sent.
    if (phase_ == Phase::kConnecting) last_connect_ = now.steady;
    reconnect_wait_.start_over();
    end_connection(now, milliseconds(0));
    if (last_connect_) next_connect_ = std::max(now.steady, *last_connect_ + options_.reconnect.usual.floor);
}

CourierStatus Courier::status() const {
    CourierStatus status = status_;
    status.in_flight = in_flight_.size();
    status.attempt = attempt_;
    if (phase_ == Phase::kWaiting) status.next_attempt = next_connect_;
    conversation_.report(status.state);
    return status;
}

}  // namespace narrowgate::daemon
