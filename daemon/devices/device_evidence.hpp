// SPDX-License-Identifier: Apache-2.0
//
// What the shards remember of a node's attempts to shake hands: in memory alone, and of strangers too.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/dtls/handshake_trace.hpp"
#include "narrowgate/dtls/hello_log.hpp"

namespace narrowgate::daemon {

// Whom an operator asks about: whoever named one of the identities, or spoke from the address.
struct DeviceQuery {
    std::vector<std::string> identities;
    std::optional<Address> address;
    bool any_port = false;

    // An address is "192.0.2.1", "192.0.2.1:40000", "2001:db8::1" or "[2001:db8::1]:40000"; every text may be
    // an identity, those too.
    static DeviceQuery of(std::string_view who);

    bool matches(const Address& remote) const;
    bool matches(const dtls::HandshakeTrace& trace) const;
};

struct SeenHandshake {
    dtls::HandshakeTrace trace;
    bool in_progress = false;  // then its outcome means nothing yet

    SteadyTime latest() const { return in_progress ? trace.last_progress : trace.ended; }
};

struct DeviceEvidence {
    // Of each, the newest so many are told.
    static constexpr std::size_t kMostHandshakes = 32;
    static constexpr std::size_t kMostHellos = 32;

    Now at{};
    std::vector<SeenHandshake> handshakes;  // newest first
    std::vector<dtls::SeenHellos> hellos;   // newest first

    // Puts both in order, and leaves out what is too much.
    void arrange();
    WallTime wall_of(SteadyTime time) const {
        return at.wall - std::chrono::duration_cast<std::chrono::microseconds>(at.steady - time);
    }
};

// Asks every shard. Nothing when one does not answer in time.
using LookForDevice = std::function<std::optional<DeviceEvidence>(const DeviceQuery& query)>;

}  // namespace narrowgate::daemon
