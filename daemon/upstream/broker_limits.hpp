// SPDX-License-Identifier: Apache-2.0
//
// What a broker takes of one connection: as its CONNACK says, and as it has taught by ending connections.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

#include "narrowgate/mqtt/connection.hpp"

namespace narrowgate::daemon {

// Thread: its owner's.
class BrokerLimits {
public:
    // Below this, what is in flight is not the reason for "receive maximum exceeded" or "packet too large".
    static constexpr std::size_t kLeastWindow = 4;
    static constexpr std::size_t kLeastPacketBytes = 1024;
    // A connection that stood for so long was not too narrow for its window: the next may try twice of it.
    static constexpr std::chrono::minutes kProbation{10};

    // Publishes in flight, as configured.
    explicit BrokerLimits(std::size_t window) : window_(window), learned_window_(window) {}

    void connected(const mqtt::ServerLimits& limits) {
        // One below: with as many in flight as the broker allows, the library waits before it even looks
        // further.
        server_window_ = std::max<std::size_t>(limits.receive_maximum, 2) - 1;
        server_packet_ = limits.maximum_packet_size;
    }
    void ended(std::chrono::nanoseconds stood) {
        if (stood >= kProbation) learned_window_ = std::min(window_, learned_window_ * 2);
    }
    // The broker ended the connection with "receive maximum exceeded".
    void window_was_too_wide() {
        const std::size_t least = std::min(kLeastWindow, window_);
        learned_window_ = std::max(least, std::min(learned_window_, server_window_) / 2);
    }
    // It ended it with "packet too large", and the largest publish in flight had `bytes`: that one was too
    // large, whichever it was that the broker saw. False when that cannot be the reason.
    bool packet_was_too_large(std::size_t bytes) {
        if (bytes <= kLeastPacketBytes) return false;
        learned_packet_ = std::min(bytes - 1, learned_packet_.value_or(bytes));
        return true;
    }

    std::size_t window() const { return std::min({window_, server_window_, learned_window_}); }
    // Bytes of the largest packet; nothing when there is no limit.
    std::optional<std::size_t> packet() const {
        if (!server_packet_) return learned_packet_;
        return std::min<std::size_t>(*server_packet_, learned_packet_.value_or(*server_packet_));
    }

private:
    const std::size_t window_;
    std::size_t server_window_ = 0;
    std::size_t learned_window_;
    std::optional<std::size_t> server_packet_;
    std::optional<std::size_t> learned_packet_;
};

}  // namespace narrowgate::daemon
