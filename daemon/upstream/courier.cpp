// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/courier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "daemon/upstream/aws_limits.hpp"

namespace narrowgate::daemon {
namespace {

// A store that cannot be read is asked again after this.
constexpr seconds kStoreRetry{1};
// What is live is tried again after this when the broker wants less.
constexpr seconds kLiveRetry{1};
// DISCONNECT is written in this time or not at all.
constexpr milliseconds kDisconnectLimit{1000};

std::size_t size_of(const mqtt::Publish& message) {
    return message.topic.size() + message.content_type.size() + message.payload.size();
}

std::uint64_t units_of(std::size_t bytes) {
    return (bytes + aws::kMeteringUnitBytes - 1) / aws::kMeteringUnitBytes;
}

std::size_t packet_size_of(const mqtt::Publish& message) {
    // Fixed header, packet identifier, lengths and the property (MQTT 5 section 3.3): fewer than 32 bytes.
    constexpr std::size_t kOverheadBytes = 32;
    return size_of(message) + kOverheadBytes;
}

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
    for (std::optional<SteadyTime>* const resumes : {&backlog_resumes_, &live_resumes_, &all_resumes_,
                                                     &store_resumes_, &pace_resumes_, &company_until_}) {
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
                                        pace_resumes_, company_until_}) {
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
    while (heads_.size() > 1 && heads_[1].first + options_.live_for <= now.steady)
        heads_.pop_front();
    // One a second is fine enough; what came within it counts as from its beginning.
    if (heads_.empty() || now.steady >= heads_.back().first + seconds(1)) {
        heads_.emplace_back(now.steady, source_.head());
    } else {
        heads_.back().second = source_.head();
    }
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
    delivered_ = false;
    aliases_.begin(event.limits.topic_alias_maximum);
    status_.state.connected = true;
    status_.state.since = now.wall;
    status_.state.reconnects = connections_++;
    log_.info("upstream {}: connected", options_.name);
    if (!refusals_.is_pausing() && !reconnect_wait_.is_disputed()) set_trouble({});
    poison_.connected();
    note_head(now);
    lanes_.begin(profile_.in_order() ? std::numeric_limits<ReadingNumber>::max() : heads_.front().second);
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
    const auto wait =
        reconnect_wait_.after({.reaction = reaction, .stood = stood_for, .delivered = stood && delivered_});
    end_connection(now, wait);
    tell_trouble(error, reaction, wait);
}

void Courier::end_connection(const Now& now, milliseconds wait) {
    // What is in flight may have arrived or not: all of it is sent again, under the same ids.
    in_flight_.clear();
    backlog_in_flight_ = 0;
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
    log_.warning(
        "upstream {}: the broker ends the connection whenever reading {} is sent; see "
        "narrowgate dead-letters list",
        options_.name, *culprit);
    dead_letter(*culprit, "the broker ended the connection each time it was sent: " + error.what);
}

void Courier::tell_trouble(const Error& error, mqtt::Reaction reaction, milliseconds wait) {
    const bool for_a_person = reaction == mqtt::Reaction::kOperator || reaction == mqtt::Reaction::kDuplicate;
    // The same words each time would fill the log while a broker is down.
    if (error.text() == status_.state.trouble) {
        log_.debug("{} (again; next try in {} ms)", error.text(), wait.count());
    } else if (for_a_person) {
        log_.error("{}", error.text());
    } else {
        log_.warning("{}", error.text());
    }
    set_trouble(error.text());
    if (reconnect_wait_.brief_connections() == kBriefConnections) {
        log_.error(
            "upstream {}: {} connections running have ended soon after they were made; see that no other "
            "client "
            "has our client_id, or mend the line",
            options_.name, kBriefConnections);
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

void Courier::answered(const mqtt::Event& event, const Now& now) {
    const auto found = in_flight_.find(event.token);
    if (found == in_flight_.end()) return;
    const InFlight sent = std::move(found->second);
    in_flight_.erase(found);
    if (sent.lane == LaneName::kBacklog) --backlog_in_flight_;

    if (mqtt::verdict_of(event.code) != mqtt::Verdict::kTaken) {
        refused(sent, event.code, now);
        return;
    }
    for (const ReadingNumber number : sent.numbers) {
        lanes_.done(number);
        alone_.erase(number);
        poison_.taken(number);
        acknowledged_.push_back(number);
    }
    condemn_suspects();
    status_.state.delivered += sent.numbers.size();
    refusals_.taken();
    delivered_ = true;
    reconnect_wait_.stands(now.steady - phase_since_);
    if (!backlog_resumes_) throttle_wait_.reset();
    if (status_.state.paused) log_.info("upstream {}: takes readings again", options_.name);
    status_.state.paused = false;
    pause_wait_.reset();
    // That of another client with our ID stays until nobody disputes it.
    if (!reconnect_wait_.is_disputed()) set_trouble({});
}

void Courier::refused(const InFlight& sent, mqtt::ReasonCode code, const Now& now) {
    ++status_.refused;
    // It left before its lane was told to rest, and says nothing new: a full window of such answers is no
    // reason to pause everything.
    const bool already_slow =
        sent.lane == LaneName::kBacklog ? backlog_resumes_.has_value() : live_resumes_.has_value();
    if (already_slow && mqtt::verdict_of(code) == mqtt::Verdict::kRetry) {
        for (const ReadingNumber number : sent.numbers)
            lanes_.put_back(number);
        return;
    }
    const bool was_pausing = refusals_.is_pausing();
    const Consequence consequence = refusals_.refused(code);
    if (consequence == Consequence::kDeadLetter) {
        if (refusals_.is_first()) log_.warning("upstream {}: {}", options_.name, refusals_.words());
        if (sent.numbers.size() == 1) {
            lanes_.set_aside(sent.numbers.front());
            suspects_.add(sent.numbers.front(), refusals_.words(), now.steady);
            return;
        }
        // One of them may be the reason: each is tried alone.
        alone_.insert(sent.numbers.begin(), sent.numbers.end());
    }
    for (const ReadingNumber number : sent.numbers)
        lanes_.put_back(number);
    if (consequence == Consequence::kDeadLetter) return;
    if (consequence == Consequence::kRetryLater) {
        // One wait for all answers of the same moment.
        if (!backlog_resumes_) backlog_resumes_ = now.steady + throttle_wait_.next();
        if (sent.lane == LaneName::kLive) live_resumes_ = now.steady + kLiveRetry;
        return;
    }
    // It refuses whatever comes: nothing was wrong with these.
    alone_.clear();
    for (const Suspects::Suspect& suspect : suspects_.take())
        lanes_.put_back(suspect.number);
    // What was in flight when the pause began is refused too, and does not make it longer.
    if (was_pausing && all_resumes_) return;
    all_resumes_ = now.steady + pause_wait_.next();
    set_trouble(fmt::format("upstream {}: {}; correct the topics of its routes or the broker's policy",
                            options_.name, refusals_.words()));
    if (!status_.state.paused) log_.error("{}", status_.state.trouble);
    status_.state.paused = true;
}

std::size_t Courier::window() const {
    if (refusals_.is_pausing() || poison_.is_careful()) return 1;
    return limits_.window();
}

void Courier::publish(const Now& now) {
    company_until_.reset();
    pace_resumes_.reset();
    conversation_.turn(now);
    while (may_send()) {
        auto control = conversation_.next_control();
        if (!control) break;
        if (!send(LaneName::kLive, {.publish = *std::move(control)}, {}, 0, now)) return;
    }
    while (may_send() && conversation_.takes_readings()) {
        if (!live_resumes_ && publish_from(LaneName::kLive, now)) continue;
        const std::size_t share = std::max<std::size_t>(window() * options_.backlog_percent / 100, 1);
        if (backlog_resumes_ || backlog_in_flight_ >= share) return;
        if (!publish_from(LaneName::kBacklog, now)) return;
    }
}

bool Courier::publish_from(LaneName lane, const Now& now) {
    const auto earlier = [](std::optional<SteadyTime>& at, SteadyTime when) {
        at = at ? std::min(*at, when) : when;
    };
    if (store_resumes_) return false;
    const auto waiting = lanes_.waiting(lane);
    if (!waiting) {
        if (waiting.error().text() != status_.state.trouble) {
            log_.error("upstream {}: {}", options_.name, waiting.error().text());
        }
        set_trouble(waiting.error().text());
        store_resumes_ = now.steady + kStoreRetry;
        return false;
    }
    if (waiting->empty()) return false;
    if (!pace_.allows(lane, now.steady)) {
        earlier(pace_resumes_, pace_.allowed_at(lane));
        return false;
    }
    std::size_t skipped = 0;
    const auto readings = offered(*waiting, skipped);
    Parcel parcel = profile_.next(readings, *routes_, now.wall);
    if (parcel.wait) {
        earlier(company_until_, now.steady + *parcel.wait);
        return false;
    }
    std::vector<ReadingNumber> numbers;
    numbers.reserve(parcel.places.size());
    std::uint64_t units_alone = 0;
    for (std::size_t& place : parcel.places) {
        numbers.push_back(readings[place].number);
        // At least: the envelope that a reading had alone is not smaller than its payload.
        if (parcel.publish && parcel.places.size() > 1)
            units_alone += units_of(parcel.publish->topic.size() + readings[place].payload.size() + 1);
        place += skipped;
    }
    if (parcel.publish && limits_.packet() && packet_size_of(*parcel.publish) > *limits_.packet()) {
        parcel.reason = fmt::format("a message of {} bytes, and the broker takes packets of {} at most",
                                    parcel.publish->payload.size(), *limits_.packet());
        parcel.publish.reset();
        if (numbers.size() > 1) {
            alone_.insert(numbers.begin(), numbers.end());
            return true;
        }
    }
    if (parcel.publish) return send(lane, std::move(parcel), std::move(numbers), units_alone, now);
    lanes_.take(lane, parcel.places);
    if (parcel.hold) {
        conversation_.hold(numbers);
        return true;
    }
    if (parcel.unwanted) {
        for (const ReadingNumber number : numbers) {
            lanes_.done(number);
            alone_.erase(number);
            acknowledged_.push_back(number);
        }
        status_.state.unmapped += numbers.size();
        return true;
    }
    for (const ReadingNumber number : numbers)
        dead_letter(number, parcel.reason);
    return true;
}

std::span<const Reading> Courier::offered(std::span<const Reading> waiting, std::size_t& skipped) const {
    if (waiting.size() > 1 && poison_.comes_later(waiting.front().number)) skipped = 1;
    waiting = waiting.subspan(skipped);
    if (poison_.is_careful() || alone_.contains(waiting.front().number)) return waiting.first(1);
    if (alone_.empty()) return waiting;
    const auto is_alone = [this](const Reading& reading) { return alone_.contains(reading.number); };
    return waiting.first(static_cast<std::size_t>(std::ranges::find_if(waiting, is_alone) - waiting.begin()));
}

bool Courier::send(LaneName lane, Parcel&& parcel, std::vector<ReadingNumber>&& numbers,
                   std::uint64_t units_alone, const Now& now) {
    const std::uint64_t token = next_token_++;
    // The topic counts in full, alias or not: whether a cloud meters what an alias stands for is its secret.
    const std::size_t bytes = size_of(*parcel.publish);
    aliases_.apply(*parcel.publish);
    if (!link_.publish(token, *parcel.publish)) {
        // The broker has not heard of the alias.
        aliases_.begin(0);
        // The link will say why in an event. With nothing in flight there might be none to wait for.
        if (in_flight_.empty()) {
            link_.disconnect(milliseconds(0));
            disconnected({"upstream " + options_.name + ": the connection does not take publishes",
                          "nothing: it is tried again"},
                         now);
        }
        return false;
    }
    pace_.spend(bytes);
    lanes_.take(lane, parcel.places);
    ++status_.state.messages;
    status_.state.message_readings += numbers.size();
    status_.state.metered_units += units_of(bytes);
    status_.state.units_alone += units_alone == 0 ? units_of(bytes) : units_alone;
    if (lane == LaneName::kBacklog) ++backlog_in_flight_;
    in_flight_.emplace(token, InFlight{.numbers = std::move(numbers),
                                       .sent = now.steady,
                                       .lane = lane,
                                       .packet_bytes = packet_size_of(*parcel.publish)});
    return true;
}

void Courier::condemn_suspects() {
    for (const Suspects::Suspect& suspect : suspects_.take())
        dead_letter(suspect.number, suspect.reason);
}

void Courier::dead_letter(ReadingNumber number, const std::string& reason) {
    lanes_.done(number);
    alone_.erase(number);
    source_.dead_letter(number, reason);
    ++status_.state.dead_letters;
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
