// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "fakes/mosquitto.hpp"
#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::mqtt {

// Receives a connection's events as an upstream's loop would, and lets a test wait for them.
class Events {
public:
    Connection::Post post() {
        return [this](Event&& event) {
            const std::scoped_lock lock(mutex_);
            events_.push_back(std::move(event));
            arrived_.notify_all();
        };
    }
    // The next event, whatever it is; nothing after `limit`.
    std::optional<Event> next(milliseconds limit = milliseconds(15'000)) {
        std::unique_lock lock(mutex_);
        if (!arrived_.wait_for(lock, limit, [this] { return !events_.empty(); })) return std::nullopt;
        Event event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    // The words of the next event, with their cure; which kind it is comes first.
    std::string next_words() {
        const auto event = next();
        if (!event) return "nothing happened";
        switch (event->kind) {
            case Event::Kind::kConnected:
                return "connected";
            case Event::Kind::kConnectFailed:
                return "failed: " + event->error.text();
            case Event::Kind::kPublished:
                return "published: " + to_words(event->code);
            case Event::Kind::kSubscribed:
                return "subscribed: " + to_words(event->code);
            case Event::Kind::kMessage:
                return "message: " + event->message->topic + " " + event->message->payload;
            case Event::Kind::kLost:
                return "lost: " + event->error.text();
        }
        return "?";
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Event> events_;
};

inline ConnectionOptions options_for(const std::string& url, const fakes::Pki& pki,
                                     const fakes::KeyPair& client) {
    ConnectionOptions options;
    options.name = "aws";
    options.url = url;
    options.client_id = "gw-1";
    options.ca_file = pki.root();
    options.certificate_file = client.certificate;
    options.key_file = client.key;
    options.connect_timeout = seconds(10);
    return options;
}

inline ConnectionOptions options_for(const fakes::Mosquitto& broker, const fakes::Pki& pki,
                                     const fakes::KeyPair& client) {
    return options_for(broker.url(), pki, client);
}

}  // namespace narrowgate::mqtt
