// SPDX-License-Identifier: Apache-2.0
//
// Gathers the gateway's status from those who own its parts.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "daemon/care/care_book.hpp"
#include "daemon/ingress/loader.hpp"
#include "daemon/ingress/shards.hpp"
#include "daemon/status.hpp"
#include "daemon/upstream/upstreams.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// Thread: the main loop's. Everything it is given must outlive it.
class StatusCollector {
public:
    struct Sources {
        std::string gateway;
        std::string version;
        store::Store& store;
        Shards& shards;
        const Loader& loader;
        const Upstreams& upstreams;
        const CareBook& care;
    };

    StatusCollector(io::EventLoop& loop, Sources sources);

    // Waits a moment for each shard; one that does not answer is missing from the sums.
    GatewayStatus collect();

    // One line for systemctl status.
    std::string line();

private:
    struct Sample {
        SteadyTime at;
        std::uint64_t readings = 0;
    };

    void sample();
    double readings_per_minute() const;

    io::EventLoop& loop_;
    const Sources sources_;
    const WallTime started_;
    std::deque<Sample> samples_;  // of the last minute, one each kSampleInterval
    io::Source timer_;
};

}  // namespace narrowgate::daemon
