// SPDX-License-Identifier: Apache-2.0
//
// An upstream without sockets, threads or disks: a store and a broker in memory. The broker answers when the
// test says so, in the order and with the words that the test says.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/upstream/link.hpp"
#include "daemon/upstream/reading_source.hpp"

namespace narrowgate::fakes {

// Thread: the test's.
class MemorySource final : public daemon::ReadingSource {
public:
    // Commits a reading; its payload is its number as text.
    daemon::ReadingNumber add(const std::string& device = "wm-1", const std::string& resource = "telemetry") {
        const daemon::ReadingNumber number = next_++;
        const std::string text = std::to_string(number);
        readings_[number] = {.number = number,
                             .id = "store-" + text,
                             .device = device,
                             .fleet = "water-meters",
                             .resource = resource,
                             .received = WallTime(std::chrono::seconds(1'767'225'600)),
                             .content_format = 0,
                             .payload = Bytes(text.begin(), text.end())};
        return number;
    }
    // The same with a SenML pack in JSON.
    daemon::ReadingNumber add_senml(const std::string& device, std::string_view pack) {
        const daemon::ReadingNumber number = add(device);
        readings_[number].content_format = 110;
        readings_[number].payload = Bytes(pack.begin(), pack.end());
        return number;
    }
    // The same with text of so many bytes.
    daemon::ReadingNumber add_large(std::size_t bytes) {
        const daemon::ReadingNumber number = add();
        readings_[number].payload = Bytes(bytes, 'x');
        return number;
    }
    void add_many(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            add();
    }

    Expected<std::vector<daemon::Reading>> read(daemon::ReadingNumber from, std::size_t max_count,
                                                std::size_t max_bytes) override {
        ++reads;
        if (broken) return failure("the disk does not answer", "mend it");
        std::vector<daemon::Reading> found;
        std::size_t bytes = 0;
        for (auto entry = readings_.lower_bound(from); entry != readings_.end(); ++entry) {
            if (found.size() == max_count || bytes >= max_bytes) break;
            bytes += entry->second.payload.size();
            found.push_back(entry->second);
        }
        return found;
    }
    void acknowledge(std::span<const daemon::ReadingNumber> numbers) override {
        for (const daemon::ReadingNumber number : numbers) {
            acknowledged.push_back(number);
            readings_.erase(number);
        }
    }
    void dead_letter(daemon::ReadingNumber number, std::string reason) override {
        dead_letters.emplace_back(number, std::move(reason));
        readings_.erase(number);
    }
    std::optional<daemon::ReadingNumber> returned() override {
        return std::exchange(returned_, std::nullopt);
    }
    daemon::ReadingNumber head() const override { return next_; }

    // A person sends a dead letter again.
    void bring_back(daemon::ReadingNumber number) {
        const daemon::ReadingNumber next = std::exchange(next_, number);
        add();
        next_ = next;
        returned_ = returned_ ? std::min(*returned_, number) : number;
    }

    std::size_t waiting() const { return readings_.size(); }

    bool broken = false;  // every read fails
    std::size_t reads = 0;
    std::vector<daemon::ReadingNumber> acknowledged;  // in the order in which it was said
    std::vector<std::pair<daemon::ReadingNumber, std::string>> dead_letters;

private:
    daemon::ReadingNumber next_ = 1;
    std::optional<daemon::ReadingNumber> returned_;
    std::map<daemon::ReadingNumber, daemon::Reading> readings_;
};

// Thread: the test's. What it would post, the test takes out and hands to the courier.
class MemoryLink final : public daemon::Link {
public:
    struct Sent {
        std::uint64_t token = 0;
        mqtt::Publish message;
    };

    std::uint64_t connect() override {
        connected_ = false;
        unanswered.clear();
        subscriptions.clear();
        return ++attempts;
    }
    bool publish(std::uint64_t token, const mqtt::Publish& message) override {
        if (!connected_) return false;
        unanswered.push_back({token, message});
        sent.push_back({token, message});
        return true;
    }
    bool subscribe(std::uint64_t token, const mqtt::Subscription& subscription) override {
        if (!connected_) return false;
        subscriptions.emplace_back(token, subscription);
        return true;
    }
    void disconnect(milliseconds) override {
        connected_ = false;
        ++disconnects;
    }
    void set_options(const mqtt::ConnectionOptions& options) override { client_id = options.client_id; }
    mqtt::ConnectionTrace trace() const override { return {}; }
    mqtt::Traces traces() const override { return {}; }

    // Events of the present attempt.
    mqtt::Event accepts(std::uint16_t receive_maximum = 65'535) {
        connected_ = true;
        mqtt::Event event = make(mqtt::Event::Kind::kConnected);
        event.limits.receive_maximum = receive_maximum;
        return event;
    }
    mqtt::Event refuses(std::string why, mqtt::ReasonCode code = mqtt::ReasonCode::kSuccess) {
        mqtt::Event event = make(mqtt::Event::Kind::kConnectFailed);
        event.code = code;
        event.error = {std::move(why), "wait"};
        return event;
    }
    mqtt::Event breaks(mqtt::ReasonCode code = mqtt::ReasonCode::kSuccess) {
        connected_ = false;
        mqtt::Event event = make(mqtt::Event::Kind::kLost);
        event.code = code;
        event.error = {"the line is cut", "wait"};
        return event;
    }
    // The PUBACK of the oldest publish that has none.
    mqtt::Event answers(mqtt::ReasonCode code = mqtt::ReasonCode::kSuccess) {
        mqtt::Event event = make(mqtt::Event::Kind::kPublished);
        event.token = unanswered.at(0).token;
        event.code = code;
        unanswered.pop_front();
        return event;
    }

    // The SUBACK of the oldest subscription that has none.
    mqtt::Event subscribes(mqtt::ReasonCode code = mqtt::ReasonCode::kSuccess) {
        mqtt::Event event = make(mqtt::Event::Kind::kSubscribed);
        event.token = subscriptions.at(0).first;
        event.code = code;
        subscriptions.pop_front();
        return event;
    }
    // Somebody published this.
    mqtt::Event brings(std::string topic, std::string payload) const {
        mqtt::Event event = make(mqtt::Event::Kind::kMessage);
        event.message = std::make_shared<const mqtt::Message>(std::move(topic), std::move(payload));
        return event;
    }

    std::uint64_t attempts = 0;
    unsigned disconnects = 0;
    std::string client_id;
    std::deque<Sent> unanswered;
    std::deque<std::pair<std::uint64_t, mqtt::Subscription>> subscriptions;  // without SUBACK
    std::vector<Sent> sent;                                                  // ever

private:
    mqtt::Event make(mqtt::Event::Kind kind) const {
        mqtt::Event event;
        event.kind = kind;
        event.attempt = attempts;
        return event;
    }

    bool connected_ = false;
};

}  // namespace narrowgate::fakes
