// SPDX-License-Identifier: Apache-2.0
//
// A profile knows a cloud: it turns readings into what that cloud wants published.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/upstream/reading_source.hpp"
#include "daemon/upstream/routes.hpp"
#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {

class Dialogue;

// Readings of a queue, made into one message, or found to have no place there, or left to wait for company.
struct Parcel {
    // Of the queue, ascending; at least one, but when it is to wait.
    std::vector<std::size_t> places{};
    std::optional<mqtt::Publish> publish{};           // nothing: they cannot be sent
    std::string reason{};                             // and why; in words, for the dead letter
    std::optional<std::chrono::microseconds> wait{};  // take nothing now; ask again after this, or with more
    bool hold = false;      // no message yet: they wait until the profile's dialogue releases them
    bool unwanted = false;  // no message ever, and nobody misses one: they are done
};

// Thread: the upstream's.
class Profile {
public:
    virtual ~Profile() = default;

    // `waiting` has at least one reading, the oldest first. Which ones a parcel takes is the profile's
    // decision; readings of one device keep their order on each topic.
    virtual Parcel next(std::span<const Reading> waiting, const Routes& routes, WallTime now) = 0;

    // What the broker takes of one message, topic and content type included; nothing: any size.
    virtual void set_most_bytes(std::optional<std::size_t>) {}
    // What else is said and heard on the connection; owned by the profile. Null: nothing.
    virtual Dialogue* dialogue() { return nullptr; }
    // Whether readings go strictly in the order of their numbers, what is new behind any backlog.
    virtual bool in_order() const { return false; }
};

}  // namespace narrowgate::daemon
