// SPDX-License-Identifier: Apache-2.0
//
// All upstreams of a configuration: a worker for each connection of each, started, reloaded and stopped
// together.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/upstream/store_source.hpp"
#include "daemon/upstream/worker.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {

// The store's numbers of the upstreams, by name.
using UpstreamIds = std::map<std::string, store::UpstreamId>;

// Makes each upstream of `config` known to the store. A new one gets what comes from now on.
Expected<UpstreamIds> register_upstreams(store::Store& store, const Config& config);

// Thread: the main loop's, but for what a call says.
class Upstreams {
public:
    // Starts every worker; they connect at once. `store` and `log` must outlive this.
    static Expected<std::unique_ptr<Upstreams>> start(const Config& config, const UpstreamIds& ids,
                                                      store::Store& store, Log& log);
    Upstreams(const Upstreams&) = delete;
    Upstreams& operator=(const Upstreams&) = delete;

    // New routes are taken at once. A connection is made anew only when its settings or the contents of its
    // certificate files have changed.
    void reload(const Config& wanted);

    // One an upstream, in the configuration's order; of several connections the sum, and the worst.
    std::vector<UpstreamState> states() const;
    // What is kept of the attempts of each connection of the upstream `name`; empty when there is none.
    std::vector<mqtt::Traces> traces(std::string_view name) const;
    // By which a replay to the upstream `name` would go now. Fails when there is no such upstream, or it is
    // one to which nothing is sent once more: a value at Pelion Edge has no time, and an old one that comes
    // last would be taken for the newest.
    Expected<std::shared_ptr<const Routes>> replay_routes(std::string_view name) const;
    const std::vector<std::unique_ptr<Worker>>& workers() const { return lanes_->workers; }

    // Waits for PUBACKs of what is in flight for at most `patience`, all upstreams at once; what is not
    // answered is sent again after the next start.
    void stop(milliseconds patience);

private:
    // What the store's writer reaches; it may outlive the rest.
    struct Lanes {
        explicit Lanes(const store::Store& store) : head(store) {}
        CommittedHead head;
        std::vector<std::unique_ptr<Worker>> workers;
    };
    // Where the workers of an upstream are.
    struct Known {
        std::string name;
        std::size_t first_worker = 0;
        std::size_t connections = 1;
        ProfileKind profile = ProfileKind::kMqtt;
        std::shared_ptr<const Routes> routes;
    };

    explicit Upstreams(const store::Store& store, Log& log)
        : log_(log), lanes_(std::make_shared<Lanes>(store)) {}
    Expected<void> start(const UpstreamConfig& upstream, const Config& config, store::UpstreamId id,
                         store::Store& store);
    void reload(Known& known, const Config& wanted);

    Log& log_;
    std::shared_ptr<Lanes> lanes_;
    std::vector<Known> known_;  // one an upstream
};

}  // namespace narrowgate::daemon
