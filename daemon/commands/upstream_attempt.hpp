// SPDX-License-Identifier: Apache-2.0
//
// One attempt to connect to a broker, watched. Inside daemon/commands only.
#pragma once

#include <functional>
#include <string>

#include "narrowgate/base/error.hpp"
#include "narrowgate/mqtt/diagnosis.hpp"

namespace narrowgate::daemon {

// Thread: its owner's; it waits.
class UpstreamAttempt {
public:
    struct Result {
        mqtt::TracedAttempt traced;
        bool well = false;  // it connected, stayed so and had its publish, if any, acknowledged
    };

    // With a `topic`, sends one message there once connected.
    UpstreamAttempt(mqtt::ConnectionOptions options, std::string topic);

    // Calls `on_step` for each step soon after it has happened. Takes at most the connect_timeout, then 30 s
    // for a PUBACK, and a second to see whether the connection stays. Fails when no attempt can be made.
    Expected<Result> run(const std::function<void(const mqtt::TraceStep&)>& on_step) const;

private:
    const mqtt::ConnectionOptions options_;
    const std::string topic_;
};

}  // namespace narrowgate::daemon
