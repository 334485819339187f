// SPDX-License-Identifier: Apache-2.0
//
// What a profile says and hears besides readings, where the other side of the broker wants to be spoken with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/status.hpp"
#include "daemon/upstream/reading_source.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {

// Thread: the upstream's.
class Dialogue {
public:
    virtual ~Dialogue() = default;

    // Asked for at each connection, which counts as such when all are granted.
    virtual std::vector<mqtt::Subscription> subscriptions() const = 0;
    virtual void connected(const Now& now) = 0;
    virtual void disconnected() = 0;
    virtual void heard(const mqtt::Message& message, const Now& now) = 0;

    // Time has passed. Comes before the calls that follow, in the same turn.
    virtual void turn(const Now& now) = 0;
    // What is to be said now, one message after the other until there is none. They carry no reading: one
    // that is lost is not sent again by anybody else.
    virtual std::optional<mqtt::Publish> next_control() = 0;
    // Readings that a parcel held and that may go now, each once.
    virtual std::vector<ReadingNumber> released() = 0;
    // Whether readings may be asked for at all.
    virtual bool takes_readings() const = 0;
    // When turn() has something to do though nothing happens.
    virtual std::optional<SteadyTime> deadline() const = 0;
    // Adds how things stand; a trouble of its own, where there is none yet.
    virtual void report(UpstreamState& state) const = 0;
};

}  // namespace narrowgate::daemon
