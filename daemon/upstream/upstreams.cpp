// SPDX-License-Identifier: Apache-2.0
#include "daemon/upstream/upstreams.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "daemon/events.hpp"
#include "daemon/upstream/aws_limits.hpp"
#include "daemon/upstream/device_share.hpp"
#include "daemon/upstream/pelion_profile.hpp"
#include "daemon/upstream/topic_profile.hpp"
#include "narrowgate/base/crypto.hpp"

namespace narrowgate::daemon {
namespace {

// Between the renewals of an upstream's connections: one is back, mostly, before the next one goes.
constexpr seconds kRenewalStagger{5};

// Of one connection among `count`.
mqtt::ConnectionOptions connection_of(const mqtt::ConnectionOptions& connection, std::size_t index,
                                      std::size_t count) {
    mqtt::ConnectionOptions one = connection;
    if (count > 1) one.client_id += fmt::format("-{}", index);
    return one;
}

std::unique_ptr<Profile> profile_of(const UpstreamConfig& upstream, const std::string& gateway) {
    if (upstream.profile == ProfileKind::kPelionEdge) {
        PelionOptions pelion = upstream.pelion;
        if (pelion.gateway_id.empty()) pelion.gateway_id = gateway;
        // Not what an earlier run of this gateway asked: its answers may still be on their way.
        return pelion_profile(pelion, fmt::format("{}-{:016x}", gateway, crypto::random_u64()));
    }
    TopicProfileOptions options{.batch_bytes = upstream.batch_bytes,
                                .largest_batch_bytes = upstream.largest_batch_bytes,
                                .batch_delay = upstream.batch_delay,
                                .gzip = upstream.compression == Compression::kGzip};
    if (upstream.profile == ProfileKind::kAwsIot) {
        options.topics = aws_topic_limits();
        options.max_payload_bytes = aws::kMaxPayloadBytes;
    }
    return topic_profile(options);
}

// What people see of an upstream with several connections.
void add(UpstreamState& sum, const UpstreamState& one) {
    if (sum.connected && !one.connected) {
        sum.connected = false;
        sum.since = one.since;
    }
    sum.paused = sum.paused || one.paused;
    if (sum.trouble.empty()) sum.trouble = one.trouble;
    // All have the same files; one may not have taken the renewed ones yet.
    if (one.certificate_expires < sum.certificate_expires) sum.certificate_expires = one.certificate_expires;
    sum.delivered += one.delivered;
    sum.replayed += one.replayed;
    sum.dead_letters += one.dead_letters;
    sum.reconnects += one.reconnects;
    sum.messages += one.messages;
    sum.message_readings += one.message_readings;
    sum.metered_units += one.metered_units;
    sum.units_alone += one.units_alone;
    sum.unmapped += one.unmapped;
    for (const auto& [code, count] : one.answers)
        sum.answers[code] += count;
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
    for (const UpstreamConfig& upstream : config.upstreams) {
        const auto started = upstreams->start(upstream, config, ids.at(upstream.connection.name), store);
        if (!started) return std::unexpected(started.error());
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

Expected<void> Upstreams::start(const UpstreamConfig& upstream, const Config& config, store::UpstreamId id,
                                store::Store& store) {
    const std::string& name = upstream.connection.name;
    auto routes = Routes::of(config.fleets, name, config.gateway.name);
    if (!routes) return std::unexpected(routes.error());
    const auto shared_routes = std::make_shared<const Routes>(*std::move(routes));
    known_.push_back({name, lanes_->workers.size(), upstream.connections, upstream.profile, shared_routes});
    for (std::size_t index = 0; index < upstream.connections; ++index) {
        auto source = store_source(store, id, lanes_->head);
        if (!source) return std::unexpected(source.error());
        CourierOptions options;
        options.name = upstream.connections == 1 ? name : fmt::format("{} ({})", name, index);
        options.upstream = name;
        options.window = upstream.connection.window;
        options.pace = upstream.pace;
        // Beyond the connection's own end, and the dialer's: 10 s of look-up and 30 s of TCP.
        options.connect_limit = upstream.connection.connect_timeout + seconds(60);
        const auto connection = connection_of(upstream.connection, index, upstream.connections);
        auto worker = Worker::start(
            std::move(options), mqtt_link(connection),
            device_share(*std::move(source), index, upstream.connections),
            profile_of(upstream, config.gateway.name), shared_routes, log_,
            CertificateKeeperOptions{.connection = connection,
                                     .stagger = static_cast<std::int64_t>(index) * kRenewalStagger,
                                     .speaks = index == 0});
        if (!worker) return std::unexpected(worker.error());
        lanes_->workers.push_back(std::move(*worker));
    }
    return {};
}

void Upstreams::reload(const Config& wanted) {
    for (Known& known : known_)
        reload(known, wanted);
}

void Upstreams::reload(Known& known, const Config& wanted) {
    const std::string& name = known.name;
    auto routes = Routes::of(wanted.fleets, name, wanted.gateway.name);
    if (!routes) {
        log_.write(kEvent<"upstream.routes_kept">, {.upstream = name},
                   {fmt::format("upstream {} keeps its routes: {}", name, routes.error().what),
                    routes.error().cure});
        return;
    }
    const auto workers = std::span(lanes_->workers).subspan(known.first_worker, known.connections);
    const auto shared_routes = std::make_shared<const Routes>(*std::move(routes));
    known.routes = shared_routes;
    for (const auto& worker : workers)
        worker->update(shared_routes);
    const UpstreamConfig* upstream = wanted.upstream(name);
    if (upstream == nullptr) return;
    for (std::size_t index = 0; index < workers.size(); ++index)
        workers[index]->update(connection_of(upstream->connection, index, known.connections));
}

std::vector<UpstreamState> Upstreams::states() const {
    std::vector<UpstreamState> states;
    for (const Known& known : known_) {
        const auto workers = std::span(lanes_->workers).subspan(known.first_worker, known.connections);
        UpstreamState state = workers.front()->status().state;
        for (const auto& worker : workers.subspan(1))
            add(state, worker->status().state);
        state.name = known.name;
        states.push_back(std::move(state));
    }
    return states;
}

Expected<std::shared_ptr<const Routes>> Upstreams::replay_routes(std::string_view name) const {
    const auto known = std::ranges::find(known_, name, &Known::name);
    if (known == known_.end()) {
        return failure(fmt::format("there is no upstream \"{}\"", name),
                       "name one of the [[upstream]] tables of the configuration");
    }
    if (known->profile == ProfileKind::kPelionEdge) {
        return failure(fmt::format("upstream {} is a pelion-edge: its values have no times, and an old one "
                                   "that comes last would be taken for the newest",
                                   name),
                       "wait for the nodes' next reports");
    }
    return known->routes;
}

std::vector<mqtt::Traces> Upstreams::traces(std::string_view name) const {
    std::vector<mqtt::Traces> traces;
    for (const Known& known : known_) {
        if (known.name != name) continue;
        for (const auto& worker : std::span(lanes_->workers).subspan(known.first_worker, known.connections))
            traces.push_back(worker->traces());
    }
    return traces;
}

void Upstreams::stop(milliseconds patience) {
    for (const auto& worker : lanes_->workers)
        worker->begin_stop(patience);
    for (const auto& worker : lanes_->workers)
        worker->stop(patience);
}

}  // namespace narrowgate::daemon
