// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/upstream_attempt.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {
namespace {

using EventKind = mqtt::Event::Kind;

// How late a step may be shown.
constexpr milliseconds kLookInterval{50};
// Beyond the library's own end of an attempt, which comes in whole seconds.
constexpr seconds kGrace{15};
constexpr seconds kPubackLimit{30};
// A client ID that another client has too, or a broker that only then looks at its policy: the connection
// goes soon after.
constexpr milliseconds kStaysFor{1000};
constexpr milliseconds kAttemptDisconnectLimit{1000};

// Shows steps while it waits for the events of one connection.
class Watcher {
public:
    explicit Watcher(const std::function<void(const mqtt::TraceStep&)>& on_step) : on_step_(on_step) {}

    mqtt::Connection::Post post() {
        return [this](mqtt::Event&& event) {
            const std::scoped_lock lock(mutex_);
            events_.push_back(std::move(event));
            arrived_.notify_all();
        };
    }

    // The next event; nothing after `limit`.
    std::optional<mqtt::Event> wait(const mqtt::Connection& connection, milliseconds limit) {
        const auto until = std::chrono::steady_clock::now() + limit;
        for (;;) {
            show(connection.trace());
            std::unique_lock lock(mutex_);
            if (!events_.empty()) {
                mqtt::Event event = std::move(events_.front());
                events_.pop_front();
                lock.unlock();
                show(connection.trace());
                return event;
            }
            const auto now = std::chrono::steady_clock::now();
            if (now >= until) return std::nullopt;
            arrived_.wait_until(lock, std::min(until, now + kLookInterval));
        }
    }

private:
    void show(const mqtt::ConnectionTrace& trace) {
        for (; shown_ < trace.steps.size(); ++shown_)
            on_step_(trace.steps[shown_]);
    }

    const std::function<void(const mqtt::TraceStep&)>& on_step_;
    std::size_t shown_ = 0;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<mqtt::Event> events_;
};

}  // namespace

UpstreamAttempt::UpstreamAttempt(mqtt::ConnectionOptions options, std::string topic)
    : options_(std::move(options)), topic_(std::move(topic)) {}

Expected<UpstreamAttempt::Result> UpstreamAttempt::run(
    const std::function<void(const mqtt::TraceStep&)>& on_step) const {
    Watcher watcher(on_step);
    mqtt::DialerOptions dialer;
    const milliseconds whole = options_.connect_timeout;
    dialer.resolve_timeout = std::min(dialer.resolve_timeout, whole);
    dialer.connect_timeout = std::min(dialer.connect_timeout, whole);
    auto opened = mqtt::Connection::open(options_, watcher.post(), dialer);
    if (!opened) return std::unexpected(std::move(opened.error()));
    mqtt::Connection& connection = **opened;

    const auto now_seen = [&](const mqtt::Outcome& outcome) {
        mqtt::ConnectionTrace trace = connection.trace();
        mqtt::Diagnosis diagnosis = mqtt::diagnose(options_, trace, outcome);
        return mqtt::TracedAttempt{std::move(trace), std::move(diagnosis)};
    };
    using End = mqtt::Outcome::End;
    const auto bad = [&] {
        const auto kept = connection.traces().last_bad;
        return Result{.traced = kept ? *kept : now_seen({.end = End::kFailed, .timed_out = true})};
    };

    connection.connect();
    auto event = watcher.wait(connection, whole + dialer.connect_timeout + kGrace);
    if (!event || event->kind != EventKind::kConnected) return bad();

    mqtt::Outcome outcome{.end = End::kConnected};
    if (!topic_.empty()) {
        const mqtt::Publish message{
            .topic = topic_, .payload = R"({"narrowgate":"diagnose"})", .content_type = "application/json"};
        (void)connection.publish(1, message);
        event = watcher.wait(connection, kPubackLimit);
        if (!event) return Result{.traced = now_seen({.end = End::kUnanswered})};
        if (event->kind != EventKind::kPublished || mqtt::verdict_of(event->code) != mqtt::Verdict::kTaken)
            return bad();
        outcome = {.end = End::kPublished, .code = event->code};
    }
    if (watcher.wait(connection, kStaysFor)) return bad();
    Result result{.traced = now_seen(outcome), .well = true};
    connection.disconnect(kAttemptDisconnectLimit);
    return result;
}

}  // namespace narrowgate::daemon
