// SPDX-License-Identifier: Apache-2.0
//
// How the last hour and the last day went: a few numbers every ten seconds and every five minutes.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>

#include "daemon/status.hpp"
#include "narrowgate/base/clock.hpp"

namespace narrowgate::daemon {

// Thread: its owner's. 40 KiB at most.
class RateHistory {
public:
    static constexpr seconds kFine{10};
    static constexpr seconds kCoarse{300};
    static constexpr std::size_t kFinePoints = 360;    // an hour
    static constexpr std::size_t kCoarsePoints = 288;  // a day

    // Call it every kFine.
    void add(const GatewayStatus& status, SteadyTime now);

    // {"hour":{"step":10,"points":[…]},"day":{"step":300,"points":[…]}}, oldest first; a point is
    // {"seconds","readings","delivered","handshakes","failed","sessions"}: what came within so many seconds,
    // and how many sessions there were at their end.
    nlohmann::json to_json() const;

private:
    struct Totals {
        SteadyTime at;
        std::uint64_t readings = 0;
        std::uint64_t delivered = 0;
        std::uint64_t handshakes = 0;
        std::uint64_t failed = 0;
        std::uint64_t sessions = 0;
    };

    static nlohmann::json points_of(const std::deque<Totals>& totals);

    // One more than points: each is the difference of two.
    std::deque<Totals> fine_;
    std::deque<Totals> coarse_;
};

}  // namespace narrowgate::daemon
