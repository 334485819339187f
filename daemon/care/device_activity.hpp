// SPDX-License-Identifier: Apache-2.0
//
// What nodes have done since somebody last asked: counted by a shard as it happens, taken away every few
// seconds. Only authentic records and completed handshakes are counted (P5).
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::daemon {

struct DeviceActivity {
    std::uint64_t bytes_up = 0;  // of UDP payload
    std::uint64_t bytes_down = 0;
    std::uint32_t datagrams = 0;      // both ways
    std::uint32_t readings = 0;       // that were acknowledged
    std::uint32_t requests = 0;       // CoAP messages that were new …
    std::uint32_t repeats = 0;        // … and that came again
    std::uint32_t handshakes = 0;     // that succeeded
    std::uint32_t address_moves = 0;  // its NAT gave it another address
    milliseconds handshake{0};        // how long the last of them took
    SteadyTime first{};               // when the node was heard first, of what is counted here
    Now heard{};                      // … and last

    // What came after it.
    void add(const DeviceActivity& later);
};

using Activities = std::unordered_map<store::CredentialId, DeviceActivity>;

// Thread: its shard's. Memory: some 110 bytes for each node that was heard since the last take().
class ActivityLog {
public:
    // Of the credential, which has just been heard.
    DeviceActivity& heard(store::CredentialId credential, Now now) {
        DeviceActivity& activity = answered(credential, now);
        activity.heard = now;
        return activity;
    }
    // Of the credential, for whose node something is done that it asked for a moment ago.
    DeviceActivity& answered(store::CredentialId credential, Now now) {
        const auto [found, is_new] = activities_.try_emplace(credential);
        if (is_new) {
            found->second.first = now.steady;
            found->second.heard = now;
        }
        return found->second;
    }
    Activities take() { return std::exchange(activities_, {}); }

private:
    Activities activities_;
};

}  // namespace narrowgate::daemon
