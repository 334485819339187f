// SPDX-License-Identifier: Apache-2.0
//
// Brings readings to one broker: connects and connects again, keeps a window of publishes in flight, and
// draws the consequence of every answer. Owns no thread and reads no clock: events and time come in, and what
// is to happen next is asked for with deadline().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/status.hpp"
#include "daemon/upstream/broker_limits.hpp"
#include "daemon/upstream/conversation.hpp"
#include "daemon/upstream/lanes.hpp"
#include "daemon/upstream/link.hpp"
#include "daemon/upstream/pace.hpp"
#include "daemon/upstream/poison.hpp"
#include "daemon/upstream/profile.hpp"
#include "daemon/upstream/reading_source.hpp"
#include "daemon/upstream/reconnect_wait.hpp"
#include "daemon/upstream/refusals.hpp"
#include "daemon/upstream/routes.hpp"
#include "daemon/upstream/suspects.hpp"
#include "daemon/upstream/topic_aliases.hpp"
#include "narrowgate/base/backoff.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"

namespace narrowgate::daemon {

struct CourierOptions {
    std::string name;      // the upstream's; with the connection's number where it has several
    std::string upstream;  // the upstream's alone, in fields of the log; empty: `name`
    // Publishes in flight; less if the broker's Receive Maximum is less (MQTT 5 section 3.2.2.3.3).
    std::size_t window = 64;
    // Of the window, what the backlog may take, in percent: the rest is free for what is new.
    unsigned backlog_percent = 75;
    // What the broker takes of one connection.
    PaceLimits pace;
    // After this the link has forgotten the attempt, and it is given up. Above its own time-out.
    seconds connect_limit{120};
    // A publish without an answer for so long will have none: AWS IoT Core drops what is above its rate and
    // says nothing.
    seconds answer_limit{60};
    // What was committed so shortly before a connection is as live as what comes after it, and is not sent
    // behind a backlog because the line was away for a moment.
    seconds live_for{30};
    ReconnectOptions reconnect;
    // Of the backlog, when the broker wants less.
    Backoff::Options throttle{
        .floor = milliseconds(500), .base = milliseconds(2000), .cap = milliseconds(60'000)};
    // Of everything, when nothing passes.
    Backoff::Options pause{
        .floor = milliseconds(5000), .base = milliseconds(30'000), .cap = milliseconds(600'000)};
};

// Counts since start.
struct CourierStatus {
    UpstreamState state;
    std::size_t in_flight = 0;
    std::uint64_t refused = 0;  // PUBACKs that said no
    std::optional<SteadyTime> next_attempt;
    std::uint64_t attempt = 0;  // number of the present or last one
};

// Thread: its owner's.
class Courier {
public:
    // All references outlive this. `seed` spreads the waits of many gateways.
    Courier(CourierOptions options, ReadingSource& source, Link& link, Profile& profile,
            std::shared_ptr<const Routes> routes, Log& log, std::uint64_t seed);

    // What the link says.
    void on_event(const mqtt::Event& event, const Now& now);
    // Does all that can be done at this moment: connects, publishes, gives up. Call it at the start, after
    // events, when the source's head has moved, and at deadline().
    void turn(const Now& now);
    // When turn() has something to do though nothing happens.
    std::optional<SteadyTime> deadline() const;

    // Readings that are rendered from now on take the new routes.
    void set_routes(std::shared_ptr<const Routes> routes) { routes_ = std::move(routes); }
    // Starts over with a new connection, at once, as for new certificates.
    void reconnect(const Now& now);

    // Publishes nothing more; when what is in flight is answered, or at `until`, it disconnects and
    // is_over().
    void stop(SteadyTime until) {
        if (!stop_by_) stop_by_ = until;
    }
    bool is_over() const { return phase_ == Phase::kOver; }

    CourierStatus status() const;

private:
    enum class Phase : std::uint8_t { kWaiting, kConnecting, kConnected, kOver };

    struct InFlight {
        std::vector<ReadingNumber> numbers;
        SteadyTime sent;
        LaneName lane = LaneName::kLive;
        std::size_t packet_bytes = 0;
    };
    // What was committed at the end of a second or less.
    struct Head {
        SteadyTime from{};
        SteadyTime until{};
        ReadingNumber head = 0;
    };

    // Remembers how far the store was, while there is no connection.
    void note_head(const Now& now);
    void connect(const Now& now);
    void connected(const mqtt::Event& event, const Now& now);
    void disconnected(const Error& error, const Now& now,
                      mqtt::Reaction reaction = mqtt::Reaction::kReconnect);
    // What the end of a connection says of what was in flight on it.
    void learn_from_end(const Error& error, mqtt::Reaction reaction);
    void tell_trouble(const Error& error, mqtt::Reaction reaction, milliseconds wait);
    void answered(const mqtt::Event& event, const Now& now);
    void refused(const InFlight& sent, mqtt::ReasonCode code, const Now& now);
    void publish(const Now& now);
    // Whether anything may be sent at this moment.
    bool may_send() const {
        return phase_ == Phase::kConnected && !all_resumes_ && !store_resumes_ &&
               in_flight_.size() < window();
    }
    // What is sent once more goes when nothing else waits.
    void publish_replay(const Now& now);
    // Takes those at the front that have no place there: no route, or a shadow, which shows what is newest.
    // False when there are none.
    bool leave_out(std::span<const Reading> replayed);
    // False when there is nothing to send in that lane, or no sending.
    bool publish_from(LaneName lane, const Now& now);
    // The part of what waits that the next message may be made of, and how many are left out before it.
    std::span<const Reading> offered(std::span<const Reading> waiting, std::size_t& skipped) const;
    // `units_alone`: metered, had each reading gone in a message of its own; 0 when it did.
    bool send(LaneName lane, Parcel&& parcel, std::vector<ReadingNumber>&& numbers, std::uint64_t units_alone,
              const Now& now);
    // What the source does not know yet of what is done.
    void settle();
    void dead_letter(ReadingNumber number, const std::string& reason);
    // The broker takes other readings: those that it refused are refused for good.
    void condemn_suspects();
    std::size_t window() const;
    void tell_profile_of_limits();
    void end_connection(const Now& now, milliseconds wait);
    // Whom the log is told of: the upstream, whichever of its connections this is.
    Subject<About::kUpstream> subject() const {
        return {.upstream = options_.upstream.empty() ? options_.name : options_.upstream};
    }
    void set_trouble(std::string words) { status_.state.trouble = std::move(words); }

    // Constant after construction.
    const CourierOptions options_;

    // Not owned.
    ReadingSource& source_;
    Link& link_;
    Profile& profile_;
    Log& log_;

    std::shared_ptr<const Routes> routes_;
    Lanes lanes_;
    Conversation conversation_;
    Refusals refusals_;
    Suspects suspects_;
    Poison poison_;
    std::set<ReadingNumber>
        alone_;  // each to be sent in a message of its own: one of their batch was refused
    Pace pace_;
    TopicAliases aliases_;
    ReconnectWait reconnect_wait_;
    Backoff throttle_wait_;
    Backoff pause_wait_;

    Phase phase_ = Phase::kWaiting;
    std::uint64_t attempt_ = 0;
    SteadyTime phase_since_{};                // in kWaiting: of no meaning
    std::optional<SteadyTime> last_connect_;  // not before the last CONNECT was sent
    SteadyTime next_connect_{};
    // Of the last live_for, ascending; never empty, and at first what was there before us.
    std::deque<Head> heads_;
    BrokerLimits limits_;
    bool delivered_ = false;                       // anything, on this connection
    bool refused_ = false;                         // any for good, on this connection
    std::map<std::uint64_t, InFlight> in_flight_;  // by token; tokens ascend with time
    std::size_t backlog_in_flight_ = 0;            // publishes
    std::size_t backlog_bytes_in_flight_ = 0;      // of packets
    std::uint64_t next_token_ = 1;
    // Pauses; turn() ends each in its time.
    std::optional<SteadyTime> backlog_resumes_;  // the broker wants less
    std::optional<SteadyTime> live_resumes_;     // so much less that it did not take what is live
    std::optional<SteadyTime> all_resumes_;      // nothing passes
    std::optional<SteadyTime> store_resumes_;    // the store could not be read
    std::optional<SteadyTime> pace_resumes_;     // as fast as the broker takes
    std::optional<SteadyTime> company_until_;    // a batch that is not full waits
    std::optional<SteadyTime> replay_resumes_;   // the store is looked through part by part
    std::optional<SteadyTime> stop_by_;
    // Acknowledged and not yet told to the source: once a turn for all of them.
    std::vector<ReadingNumber> acknowledged_;

    CourierStatus status_;
    std::uint64_t connections_ = 0;
};

}  // namespace narrowgate::daemon
