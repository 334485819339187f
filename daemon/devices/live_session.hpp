// SPDX-License-Identifier: Apache-2.0
//
// A session of a device, as `narrowgate device show` tells of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "narrowgate/base/address.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/store/unit.hpp"

namespace narrowgate::daemon {

struct LiveSession {
    store::SessionId id = 0;
    store::CredentialId credential = 0;
    bool confirmed = false;  // the node has used it
    Bytes cid;               // ours; empty: bound to its address
    Path path;
    std::optional<WallTime> since;  // not known in memory
    WallTime heard{};
    std::optional<std::uint64_t> next_number;  // of our next record; known in memory alone
    std::uint64_t lease_end = 0;               // numbers below may be used (P3)
    store::Traffic traffic;
};

// The sessions of these credentials in every shard. Nothing when a shard does not answer in time.
using LookAtSessions = std::function<std::optional<std::vector<LiveSession>>(
    const std::vector<store::CredentialId>& credentials)>;

}  // namespace narrowgate::daemon
