// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/courier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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
      pace_(options_.pace),
      reconnect_wait_(options_.reconnect, seed),
      throttle_wait_(options_.throttle, seed + 1),
      pause_wait_(options_.pause, seed + 2) {
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
        case mqtt::Event::Kind::kConnectFailed:
        case mqtt::Event::Kind::kLost:
            disconnected(event.error, now);
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
    if (!acknowledged_.empty()) {
        source_.acknowledge(acknowledged_);
        acknowledged_.clear();
    }
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
    if (suspects_.due() && now.steady >= *suspects_.due()) condemn_suspects();
    if (phase_ == Phase::kWaiting && now.steady >= next_connect_) connect(now);
    if (phase_ == Phase::kConnected && !stop_by_) publish(now);
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
    // One a second is fine enough.
    if (heads_.empty() || now.steady >= heads_.back().first + seconds(1))
        heads_.emplace_back(now.steady, source_.head());
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
    // One below: with as many in flight as the broker allows, the library waits before it even looks further.
    server_window_ = std::max<std::size_t>(event.limits.receive_maximum, 2) - 1;
    largest_packet_ = event.limits.maximum_packet_size;
    status_.state.connected = true;
    status_.state.since = now.wall;
    status_.state.reconnects = connections_++;
    log_.info("upstream {}: connected", options_.name);
    if (!refusals_.is_pausing()) set_trouble({});
    poison_.connected();
    note_head(now);
    lanes_.begin(heads_.front().second);
}

void Courier::disconnected(const Error& error, const Now& now) {
    const bool stood = phase_ == Phase::kConnected;
    if (stood && now.steady - phase_since_ >= options_.stable_after) reconnect_wait_.reset();
    if (stood || !status_.state.since) status_.state.since = now.wall;
    status_.state.connected = false;
    if (stood && !in_flight_.empty()) {
        const auto& oldest = in_flight_.begin()->second.numbers;
        const bool alone = in_flight_.size() == 1 && oldest.size() == 1;
        if (const auto culprit = poison_.lost(oldest.front(), alone)) {
            log_.warning(
                "upstream {}: the broker ends the connection whenever reading {} is sent; see "
                "narrowgate store show",
                options_.name, *culprit);
            dead_letter(*culprit, "the broker ended the connection each time it was sent: " + error.what);
        }
    }
    // What is in flight may have arrived or not: all of it is sent again, under the same ids.
    in_flight_.clear();
    backlog_in_flight_ = 0;
    const auto wait = reconnect_wait_.next();
    phase_ = Phase::kWaiting;
    phase_since_ = now.steady;
    next_connect_ = now.steady + wait;
    // The same words each time would fill the log while a broker is down.
    if (error.text() != status_.state.trouble) {
        log_.warning("{}", error.text());
    } else {
        log_.debug("{} (again; next try in {} ms)", error.text(), wait.count());
    }
    set_trouble(error.text());
}

void Courier::reconnect(const Now& now) {
    if (phase_ == Phase::kOver || stop_by_) return;
    link_.disconnect(kDisconnectLimit);
    in_flight_.clear();
    backlog_in_flight_ = 0;
    reconnect_wait_.reset();
    if (phase_ == Phase::kConnected) status_.state.since = now.wall;
    status_.state.connected = false;
    // Its CONNECT left before it was connected, and perhaps long after connect(): a dialer takes its time.
    const SteadyTime connected_by = phase_ == Phase::kConnecting ? now.steady : phase_since_;
    phase_ = Phase::kWaiting;
    next_connect_ =
        last_connect_ ? std::max(now.steady, connected_by + options_.reconnect.floor) : now.steady;
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
    reconnect_wait_.reset();
    if (!backlog_resumes_) throttle_wait_.reset();
    if (status_.state.paused) log_.info("upstream {}: takes readings again", options_.name);
    status_.state.paused = false;
    pause_wait_.reset();
    set_trouble({});
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
    return std::min(options_.window, server_window_);
}

void Courier::publish(const Now& now) {
    company_until_.reset();
    pace_resumes_.reset();
    while (phase_ == Phase::kConnected && !all_resumes_ && !store_resumes_ && in_flight_.size() < window()) {
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
    for (std::size_t& place : parcel.places) {
        numbers.push_back(readings[place].number);
        place += skipped;
    }
    if (parcel.publish && !fits(*parcel.publish)) {
        parcel.reason = fmt::format("a message of {} bytes, and the broker takes packets of {} at most",
                                    parcel.publish->payload.size(), *largest_packet_);
        parcel.publish.reset();
        if (numbers.size() > 1) {
            alone_.insert(numbers.begin(), numbers.end());
            return true;
        }
    }
    if (parcel.publish) return send(lane, std::move(parcel), std::move(numbers), now);
    lanes_.take(lane, parcel.places);
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

bool Courier::send(LaneName lane, Parcel&& parcel, std::vector<ReadingNumber>&& numbers, const Now& now) {
    const std::uint64_t token = next_token_++;
    if (!link_.publish(token, *parcel.publish)) {
        // The link will say why in an event. With nothing in flight there might be none to wait for.
        if (in_flight_.empty()) {
            link_.disconnect(milliseconds(0));
            disconnected({"upstream " + options_.name + ": the connection does not take publishes",
                          "nothing: it is tried again"},
                         now);
        }
        return false;
    }
    const std::size_t bytes = size_of(*parcel.publish);
    pace_.spend(bytes);
    lanes_.take(lane, parcel.places);
    ++status_.state.messages;
    status_.state.message_readings += numbers.size();
    status_.state.metered_units += (bytes + aws::kMeteringUnitBytes - 1) / aws::kMeteringUnitBytes;
    if (lane == LaneName::kBacklog) ++backlog_in_flight_;
    in_flight_.emplace(token, InFlight{.numbers = std::move(numbers), .sent = now.steady, .lane = lane});
    return true;
}

bool Courier::fits(const mqtt::Publish& message) const {
    // Fixed header, packet identifier, lengths and the property (MQTT 5 section 3.3): fewer than 32 bytes.
    constexpr std::size_t kOverheadBytes = 32;
    return !largest_packet_ || size_of(message) + kOverheadBytes <= *largest_packet_;
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

void Courier::set_trouble(std::string words) {
    status_.state.trouble = std::move(words);
}

void Courier::stop(SteadyTime until) {
    if (!stop_by_) stop_by_ = until;
}

CourierStatus Courier::status() const {
    CourierStatus status = status_;
    status.in_flight = in_flight_.size();
    if (phase_ == Phase::kWaiting) status.next_attempt = next_connect_;
    return status;
}

}  // namespace narrowgate::daemon
