// SPDX-License-Identifier: Apache-2.0
//
// A profile knows a cloud: it turns readings into what that cloud wants published.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "daemon/upstream/reading_source.hpp"
#include "daemon/upstream/routes.hpp"
#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {

// Readings from the front of a queue, made into one message, or found to have no place there.
struct Parcel {
    std::size_t count = 1;                 // readings from the front that this settles; at least 1
    std::optional<mqtt::Publish> publish;  // nothing: they cannot be sent
    std::string reason;                    // and why; in words, for the dead letter
};

// Thread: the upstream's.
class Profile {
public:
    virtual ~Profile() = default;

    // `waiting` has at least one reading, the oldest first. How many a parcel takes is the profile's
    // decision.
    virtual Parcel next(std::span<const Reading> waiting, const Routes& routes) const = 0;
};

// For any broker: one reading a message, the JSON envelope, the topic of the reading's route.
std::unique_ptr<Profile> mqtt_profile();

}  // namespace narrowgate::daemon
