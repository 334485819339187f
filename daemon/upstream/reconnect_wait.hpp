// SPDX-License-Identifier: Apache-2.0
//
// How long after the end of a connection the next is tried: by what the broker said, and by how the last ones
// went.
#pragma once

#include <chrono>
#include <cstdint>

#include "narrowgate/base/backoff.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/mqtt/code_rule.hpp"

namespace narrowgate::daemon {

struct ReconnectOptions {
    // A client ID connects at most once a second (AWS IoT Core's limit, and a fair one): no floor is lower.
    // Of any failure.
    Backoff::Options usual{
        .floor = milliseconds(1000), .base = milliseconds(2000), .cap = milliseconds(120'000)};
    // Of connections that took readings and ended soon: a bad line, or another client with our ID that the
    // broker does not tell us of.
    Backoff::Options brief{
        .floor = milliseconds(1000), .base = milliseconds(2000), .cap = milliseconds(15'000)};
    // When a broker sends all its clients away, from a wide range at once.
    Backoff::Options spread{
        .floor = milliseconds(1000), .base = milliseconds(10'000), .cap = milliseconds(120'000)};
    // For a quota to be free again.
    Backoff::Options quota{
        .floor = milliseconds(10'000), .base = milliseconds(30'000), .cap = milliseconds(600'000)};
    // For somebody to change something. Not longer: he wants to see whether it helped.
    Backoff::Options person{
        .floor = milliseconds(15'000), .base = milliseconds(60'000), .cap = milliseconds(300'000)};
    // For the other client with our ID: whoever waits longer leaves the other one alone.
    Backoff::Options duplicate{
        .floor = milliseconds(5000), .base = milliseconds(20'000), .cap = milliseconds(600'000)};
    // A connection that stood for so long was a good one: the next failure starts from the shortest wait.
    seconds stable_after{30};
    // And after this nobody disputes our client ID any more.
    seconds undisputed_after{600};
};

// Thread: its owner's.
class ReconnectWait {
public:
    // A connection, or an attempt at one, that is over.
    struct Ended {
        mqtt::Reaction reaction = mqtt::Reaction::kReconnect;
        std::chrono::nanoseconds stood{0};  // 0: it never connected
        bool delivered = false;             // at least one PUBACK said yes
        bool refused = false;               // or no, for good: the end was that publish's alone
    };

    ReconnectWait(const ReconnectOptions& options, std::uint64_t seed);

    milliseconds after(const Ended& ended);
    // The present connection stands for so long.
    void stands(std::chrono::nanoseconds time);
    // The next failure is the first: of another connection than the one before, by our own wish.
    void start_over();

    // Another client has taken our ID, and no connection has held since.
    bool is_disputed() const { return duplicate_.failures() > 0; }
    // Connections running that delivered and ended soon.
    unsigned brief_connections() const { return brief_.failures(); }

private:
    const ReconnectOptions options_;
    Backoff usual_;
    Backoff brief_;
    Backoff spread_;
    Backoff quota_;
    Backoff person_;
    Backoff duplicate_;
};

}  // namespace narrowgate::daemon
