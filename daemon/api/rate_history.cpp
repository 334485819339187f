// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/rate_history.hpp"

#include <nlohmann/json.hpp>

namespace narrowgate::daemon {

void RateHistory::add(const GatewayStatus& status, SteadyTime now) {
    Totals totals{.at = now,
                  .readings = status.uplink.readings,
                  .handshakes = status.uplink.handshakes,
                  .failed = status.uplink.handshakes_failed,
                  .sessions = status.sessions};
    for (const UpstreamState& upstream : status.upstreams)
        totals.delivered += upstream.delivered;
    fine_.push_back(totals);
    if (fine_.size() > kFinePoints + 1) fine_.pop_front();
    if (!coarse_.empty() && now < coarse_.back().at + kCoarse) return;
    coarse_.push_back(totals);
    if (coarse_.size() > kCoarsePoints + 1) coarse_.pop_front();
}

nlohmann::json RateHistory::points_of(const std::deque<Totals>& totals) {
    nlohmann::json points = nlohmann::json::array();
    for (std::size_t i = 1; i < totals.size(); ++i) {
        const Totals& from = totals[i - 1];
        const Totals& to = totals[i];
        // A shard that does not answer in time is missing from a sum, which then seems to fall.
        const auto since = [](std::uint64_t before, std::uint64_t after) {
            return after > before ? after - before : 0;
        };
        points.push_back({{"seconds", std::chrono::duration<double>(to.at - from.at).count()},
                          {"readings", since(from.readings, to.readings)},
                          {"delivered", since(from.delivered, to.delivered)},
                          {"handshakes", since(from.handshakes, to.handshakes)},
                          {"failed", since(from.failed, to.failed)},
                          {"sessions", to.sessions}});
    }
    return points;
}

nlohmann::json RateHistory::to_json() const {
    return {{"hour", {{"step", kFine.count()}, {"points", points_of(fine_)}}},
            {"day", {{"step", kCoarse.count()}, {"points", points_of(coarse_)}}}};
}

}  // namespace narrowgate::daemon
