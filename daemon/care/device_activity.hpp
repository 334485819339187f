// SPDX-License-Identifier: Apache-2.0
//
// What nodes have done since somebody last asked: counted by a shard as it happens, taken away every few
// seconds. Only authentic records and completed handshakes are counted (P5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

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

// Each credential once.
using Activities = std::vector<std::pair<store::CredentialId, DeviceActivity>>;

// Thread: its shard's. Memory: some 100 bytes for each node that was heard since the last take(). Every
// record comes here: nothing is allocated for one of them, and places are found by open addressing.
class ActivityLog {
public:
    // Of the credential, which has just been heard. Valid until the next call, like all of them.
    DeviceActivity& heard(store::CredentialId credential, Now now) {
        DeviceActivity& activity = answered(credential, now);
        activity.heard = now;
        return activity;
    }
    // Of the credential, for whose node something is done that it asked for a moment ago.
    DeviceActivity& answered(store::CredentialId credential, Now now) {
        // A request is counted, then its answer.
        if (last_ < all_.size() && all_[last_].first == credential) return all_[last_].second;
        return find(credential, now);
    }
    Activities take();

private:
    DeviceActivity& find(store::CredentialId credential, Now now);
    // Where the credential is noted, or would be.
    std::size_t slot_of(store::CredentialId credential) const;
    void grow();

    Activities all_;
    // Of each, its place in all_ and one more; 0: free. A power of two, at most half of them taken.
    std::vector<std::uint32_t> slots_;
    std::size_t last_ = 0;
};

}  // namespace narrowgate::daemon
