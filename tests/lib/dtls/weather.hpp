// SPDX-License-Identifier: Apache-2.0
//
// A network in virtual time between one node and a gateway that commits late and may crash: what it does to
// each datagram is a plan.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "gateway.hpp"

namespace narrowgate::dtls {

class Weather {
public:
    // The delays after which copies of the `index`th datagram, counted over both ways, arrive. None: it is
    // lost.
    using Plan = std::function<std::vector<milliseconds>(std::size_t index)>;

    static constexpr milliseconds kDelay{500};

    Weather(Gateway& gateway, Node& node, Plan plan)
        : gateway_(gateway), node_(node), plan_(std::move(plan)) {}

    // After how long a commit that was asked for now is done.
    std::function<milliseconds()> commit_delay = [] { return milliseconds(0); };

    void at(milliseconds from_now, std::function<void()> event) {
        events_.emplace(gateway_.clock.now().steady + from_now, std::move(event));
    }

    // Runs until `done`, or for `limit`. The node shakes hands, again if that fails, and then sends one
    // reading every 9 s until one is answered; it never shakes hands again once it has been established.
    bool run_until(const std::function<bool()>& done, seconds limit = seconds(1500)) {
        const SteadyTime end = now() + limit;
        node_.client.start(now());
        while (!done()) {
            collect();
            const SteadyTime next = next_event();
            if (next > end) return false;
            gateway_.clock.advance(std::chrono::duration_cast<std::chrono::microseconds>(next - now()) +
                                   std::chrono::microseconds(1));
            turn();
        }
        return true;
    }

    std::size_t datagrams() const { return index_; }
    int handshakes_begun() const { return handshakes_begun_; }

private:
    SteadyTime now() const { return gateway_.clock.now().steady; }

    void collect() {
        for (const Bytes& datagram : node_.client.take_datagrams())
            up(datagram);
        for (const Sent& sent : gateway_.take_sent()) {
            for (const auto delay : plan_(index_++)) {
                at(delay, [this, sent] {
                    if (sent.path == node_.path) node_.client.receive(sent.datagram, now());
                });
            }
        }
        if (gateway_.has_commits_waiting() && !commit_scheduled_) {
            commit_scheduled_ = true;
            at(commit_delay(), [this] {
                commit_scheduled_ = false;
                gateway_.commit_all();
            });
        }
    }

    void up(const Bytes& datagram) {
        for (const auto delay : plan_(index_++)) {
            at(delay, [this, datagram] { gateway_.receive(datagram, node_.path); });
        }
    }

    SteadyTime next_event() {
        SteadyTime next = events_.empty() ? SteadyTime::max() : events_.begin()->first;
        if (const auto due = node_.client.deadline()) next = std::min(next, *due);
        if (const auto due = gateway_.endpoint().next_deadline()) next = std::min(next, *due);
        if (node_.client.established()) next = std::min(next, next_reading_);
        return std::max(next, now());
    }

    void turn() {
        while (!events_.empty() && events_.begin()->first <= now()) {
            const auto event = std::move(events_.begin()->second);
            events_.erase(events_.begin());
            event();
        }
        node_.client.advance(now());
        const auto due = gateway_.endpoint().next_deadline();
        if (due && *due <= now()) gateway_.endpoint().advance(gateway_.clock.now());
        if (node_.client.state() == fakes::DtlsClient::State::kFailed) {
            ++handshakes_begun_;
            node_.client.start(now());
        }
        if (node_.client.established() && now() >= next_reading_) {
            next_reading_ = now() + seconds(9);
            up(node_.sealed("reading"));
        }
    }

    Gateway& gateway_;
    Node& node_;
    Plan plan_;
    std::multimap<SteadyTime, std::function<void()>> events_;
    std::size_t index_ = 0;
    bool commit_scheduled_ = false;
    int handshakes_begun_ = 1;
    SteadyTime next_reading_;
};

}  // namespace narrowgate::dtls
