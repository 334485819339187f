// SPDX-License-Identifier: Apache-2.0
//
// What a courier sends, and what it makes of the answers.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/events.hpp"
#include "daemon/upstream/aws_limits.hpp"
#include "daemon/upstream/courier.hpp"

namespace narrowgate::daemon {
namespace {

// A store that cannot be read is asked again after this.
constexpr seconds kStoreRetry{1};
// What is live is tried again after this when the broker wants less.
constexpr seconds kLiveRetry{1};
// Of the backlog, in flight at most: what AWS IoT Core takes in 600 ms, and what a line of 16 KB/s brings
// over well before answer_limit.
constexpr std::size_t kBacklogBytes = 320 * 1024;

// Of a replay in one turn, and the rest that it takes then: other events of the loop come first.
constexpr std::size_t kReplayMessages = 64;
constexpr milliseconds kReplayRest{1};

std::size_t size_of(const mqtt::Publish& message) {
    return message.topic.size() + message.content_type.size() + message.payload.size();
}

std::uint64_t units_of(std::size_t bytes) {
    return (bytes + aws::kMeteringUnitBytes - 1) / aws::kMeteringUnitBytes;
}

// Fixed header, packet identifier, lengths and the property (MQTT 5 section 3.3): fewer than 32 bytes.
constexpr std::size_t kOverheadBytes = 32;

std::size_t packet_size_of(const mqtt::Publish& message) {
    return size_of(message) + kOverheadBytes;
}

}  // namespace

void Courier::tell_profile_of_limits() {
    std::optional<std::size_t> most = limits_.packet();
    if (most) *most -= std::min(*most, kOverheadBytes);
    profile_.set_most_bytes(most);
}

void Courier::answered(const mqtt::Event& event, const Now& now) {
    const auto found = in_flight_.find(event.token);
    if (found == in_flight_.end()) return;
    const InFlight sent = std::move(found->second);
    in_flight_.erase(found);
    if (sent.lane != LaneName::kLive) {
        --backlog_in_flight_;
        backlog_bytes_in_flight_ -= sent.packet_bytes;
    }

    ++status_.state.answers[event.code];
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
    (sent.lane == LaneName::kReplay ? status_.state.replayed : status_.state.delivered) +=
        sent.numbers.size();
    refusals_.taken();
    delivered_ = true;
    reconnect_wait_.stands(now.steady - phase_since_);
    if (!backlog_resumes_) throttle_wait_.reset();
    if (status_.state.paused)
        log_.write(kEvent<"upstream.resumed">, subject(), "upstream {}: takes readings again", options_.name);
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
        sent.lane == LaneName::kLive ? live_resumes_.has_value() : backlog_resumes_.has_value();
    if (already_slow && mqtt::verdict_of(code) == mqtt::Verdict::kRetry) {
        for (const ReadingNumber number : sent.numbers)
            lanes_.put_back(number);
        return;
    }
    const bool was_pausing = refusals_.is_pausing();
    const Consequence consequence = refusals_.refused(code);
    if (consequence == Consequence::kDeadLetter) {
        refused_ = true;
        if (refusals_.is_first()) {
            log_.write(kEvent<"upstream.publish_refused">, subject(), "upstream {}: {}", options_.name,
                       refusals_.words());
        }
        if (sent.numbers.size() == 1) {
            lanes_.set_aside(sent.numbers.front());
            suspects_.add(sent.numbers.front(), refusals_.reason(), now.steady);
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
    const Error trouble{fmt::format("upstream {}: {}", options_.name, refusals_.words()),
                        "correct the topics of its routes or the broker's policy"};
    set_trouble(trouble.text());
    if (!status_.state.paused) log_.write(kEvent<"upstream.paused">, subject(), trouble);
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
        if (!send(LaneName::kLive, {.publish = std::move(control)}, {}, 0, now)) return;
    }
    while (may_send() && conversation_.takes_readings()) {
        if (!live_resumes_ && publish_from(LaneName::kLive, now)) continue;
        const std::size_t share = std::max<std::size_t>(window() * options_.backlog_percent / 100, 1);
        if (backlog_resumes_ || backlog_in_flight_ >= share || backlog_bytes_in_flight_ >= kBacklogBytes)
            return;
        if (publish_from(LaneName::kBacklog, now)) continue;
        publish_replay(now);
        return;
    }
}

void Courier::publish_replay(const Now& now) {
    // A value without a time that is sent once more would be taken for the newest.
    if (profile_.in_order() || replay_resumes_ || store_resumes_) return;
    // However fast the store is read and the broker answers: what is new is looked for between.
    for (std::size_t message = 0; message < kReplayMessages && may_send(); ++message) {
        if (backlog_resumes_ || backlog_bytes_in_flight_ >= kBacklogBytes) return;
        const std::size_t share = std::max<std::size_t>(window() * options_.backlog_percent / 100, 1);
        if (backlog_in_flight_ >= share) return;
        for (const LaneName first : {LaneName::kLive, LaneName::kBacklog}) {
            const auto waiting = lanes_.waiting(first);
            if (!waiting || !waiting->empty()) return;
        }
        if (publish_from(LaneName::kReplay, now)) continue;
        // What was looked at held none, or it is to wait, and says itself for what.
        if (!lanes_.replay_goes_on() || store_resumes_ || pace_resumes_ || company_until_) return;
        break;
    }
    if (lanes_.replay_goes_on()) replay_resumes_ = now.steady + kReplayRest;
}

bool Courier::leave_out(std::span<const Reading> replayed) {
    std::vector<std::size_t> places;
    std::vector<ReadingNumber> numbers;
    for (const Reading& reading : replayed) {
        const Destination* destination = routes_->find(reading.fleet, reading.resource);
        if (destination != nullptr && !destination->is_shadow) break;
        places.push_back(places.size());
        numbers.push_back(reading.number);
    }
    if (numbers.empty()) return false;
    lanes_.take(LaneName::kReplay, places);
    for (const ReadingNumber number : numbers)
        lanes_.done(number);
    source_.leave_out(numbers);
    return true;
}

bool Courier::publish_from(LaneName lane, const Now& now) {
    const auto earlier = [](std::optional<SteadyTime>& at, SteadyTime when) {
        at = at ? std::min(*at, when) : when;
    };
    if (store_resumes_) return false;
    const auto waiting = lanes_.waiting(lane);
    if (!waiting) {
        if (waiting.error().text() != status_.state.trouble) {
            log_.write(
                kEvent<"upstream.store_unreadable">, subject(),
                {fmt::format("upstream {}: {}", options_.name, waiting.error().what), waiting.error().cure});
        }
        set_trouble(waiting.error().text());
        store_resumes_ = now.steady + kStoreRetry;
        return false;
    }
    if (waiting->empty()) return false;
    if (lane == LaneName::kReplay && leave_out(*waiting)) return true;
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
    const std::size_t packet_bytes = packet_size_of(*parcel.publish);
    if (lane != LaneName::kLive) {
        ++backlog_in_flight_;
        backlog_bytes_in_flight_ += packet_bytes;
    }
    in_flight_.emplace(
        token,
        InFlight{
            .numbers = std::move(numbers), .sent = now.steady, .lane = lane, .packet_bytes = packet_bytes});
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

}  // namespace narrowgate::daemon
