// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/upstreams.hpp"

#include <fstream>
#include <iterator>
#include <utility>

#include "narrowgate/base/crypto.hpp"

namespace narrowgate::daemon {
namespace {

// Tells two states of an upstream's certificate files apart.
std::string fingerprint_of(const mqtt::ConnectionOptions& connection) {
    Bytes contents;
    for (const auto& file : {connection.ca_file, connection.certificate_file, connection.key_file}) {
        std::ifstream stream(file, std::ios::binary);
        contents.insert(contents.end(), std::istreambuf_iterator<char>(stream), {});
        contents.push_back(0);
    }
    const Secret wiped_when_done(std::move(contents));
    return to_hex(crypto::sha256(wiped_when_done.view()));
}

}  // namespace

Expected<UpstreamIds> register_upstreams(store::Store& store, const Config& config) {
    UpstreamIds ids;
    for (const UpstreamConfig& upstream : config.upstreams) {
        const auto id = store.upstream(upstream.connection.name, upstream.backlog);
        if (!id) return std::unexpected(id.error());
        ids.emplace(upstream.connection.name, *id);
    }
    return ids;
}

Expected<std::unique_ptr<Upstreams>> Upstreams::start(const Config& config, const UpstreamIds& ids,
                                                      store::Store& store, Log& log) {
    std::unique_ptr<Upstreams> upstreams(new Upstreams(store, log));
    Lanes& lanes = *upstreams->lanes_;
    for (const UpstreamConfig& upstream : config.upstreams) {
        const std::string& name = upstream.connection.name;
        auto routes = Routes::of(config.fleets, name, config.gateway.name);
        if (!routes) return std::unexpected(routes.error());
        auto source = store_source(store, ids.at(name), lanes.head);
        if (!source) return std::unexpected(source.error());
        CourierOptions options;
        options.name = name;
        options.window = upstream.connection.window;
        // Beyond the connection's own end, and the dialer's: 10 s of look-up and 30 s of TCP.
        options.connect_limit = upstream.connection.connect_timeout + seconds(60);
        auto worker = Worker::start(std::move(options), mqtt_link(upstream.connection), std::move(*source),
                                    mqtt_profile(), std::make_shared<const Routes>(std::move(*routes)), log);
        if (!worker) return std::unexpected(worker.error());
        lanes.workers.push_back(std::move(*worker));
        upstreams->known_.push_back({upstream.connection, fingerprint_of(upstream.connection)});
    }
    store.on_commit([weak = std::weak_ptr(upstreams->lanes_)](store::ReadingNumber committed) {
        const auto shared = weak.lock();
        if (!shared) return;
        shared->head.advance(committed);
        for (const auto& worker : shared->workers)
            worker->wake();
    });
    return upstreams;
}

void Upstreams::reload(const Config& wanted) {
    for (std::size_t i = 0; i < known_.size(); ++i)
        reload(*lanes_->workers[i], known_[i], wanted);
}

void Upstreams::reload(Worker& worker, Known& known, const Config& wanted) {
    const std::string name = known.connection.name;
    auto routes = Routes::of(wanted.fleets, name, wanted.gateway.name);
    if (!routes) {
        log_.error("upstream \"{}\" keeps its routes: {}", name, routes.error().text());
        return;
    }
    worker.update(std::make_shared<const Routes>(std::move(*routes)));
    const UpstreamConfig* upstream = wanted.upstream(name);
    if (upstream == nullptr) return;
    std::string certificates = fingerprint_of(upstream->connection);
    if (certificates == known.certificates && upstream->connection == known.connection) return;
    log_.info("upstream \"{}\" connects anew: its settings or certificates have changed", name);
    known = {upstream->connection, std::move(certificates)};
    worker.update(known.connection);
}

std::vector<UpstreamState> Upstreams::states() const {
    std::vector<UpstreamState> states;
    for (const auto& worker : lanes_->workers)
        states.push_back(worker->status().state);
    return states;
}

void Upstreams::stop(milliseconds patience) {
    for (const auto& worker : lanes_->workers)
        worker->begin_stop(patience);
    for (const auto& worker : lanes_->workers)
        worker->stop(patience);
}

}  // namespace narrowgate::daemon
