// SPDX-License-Identifier: Apache-2.0
//
// What an upstream needs of a connection. The real one is an mqtt::Connection; tests have one in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {

// As mqtt::Connection, whose promises these are. Thread: the upstream's, but for trace() and
// traces().
class Link {
public:
    virtual ~Link() = default;
    virtual std::uint64_t connect() = 0;
    virtual bool publish(std::uint64_t token, const mqtt::Publish& message) = 0;
    virtual bool subscribe(std::uint64_t token, const mqtt::Subscription& subscription) = 0;
    virtual void disconnect(milliseconds timeout) = 0;
    virtual void set_options(const mqtt::ConnectionOptions& options) = 0;
    virtual mqtt::ConnectionTrace trace() const = 0;
    virtual mqtt::Traces traces() const = 0;
};

// Makes a link whose events go to `post`.
using OpenLink = std::function<Expected<std::unique_ptr<Link>>(mqtt::Connection::Post post)>;

// Over TLS to the broker of `options`.
OpenLink mqtt_link(const mqtt::ConnectionOptions& options);

}  // namespace narrowgate::daemon
