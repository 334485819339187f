// SPDX-License-Identifier: Apache-2.0
#include "daemon/status_collector.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace narrowgate::daemon {
namespace {

constexpr seconds kSampleInterval{5};
constexpr seconds kWindow{60};
constexpr milliseconds kPatience{500};

// As metrics name them.
constexpr std::array<const char*, dtls::kHandshakeOutcomes> kOutcomes = {"established", "timed_out",
                                                                         "refused", "displaced", "revoked"};
constexpr std::array<const char*, dtls::kHandshakeSteps> kSteps = {"client_hello", "client_key_exchange",
                                                                   "finished", "commit"};

void add(Measures& measures, const ShardSnapshot& shard) {
    for (std::size_t outcome = 0; outcome < dtls::kHandshakeOutcomes; ++outcome) {
        for (std::size_t step = 0; step < dtls::kHandshakeSteps; ++step) {
            const std::uint64_t count = shard.ingress.handshakes[outcome][step];
            if (count != 0) measures.handshakes[{kOutcomes[outcome], kSteps[step]}] += count;
        }
    }
    for (std::size_t code = 0; code < shard.ingress.answers.size(); ++code) {
        const std::uint64_t count = shard.ingress.answers[code];
        if (count != 0) measures.answers[static_cast<std::uint8_t>(code)] += count;
    }
    for (std::size_t reason = 0; reason < dtls::kEndReasons; ++reason) {
        const std::uint64_t count = shard.dtls.sessions_ended[reason];
        if (count != 0) {
            measures.sessions_ended[std::string(dtls::name_of(static_cast<dtls::EndReason>(reason)))] +=
                count;
        }
    }
    measures.answer_times.merge(shard.ingress.answer_times);
    measures.flights_retransmitted += shard.dtls.flights_retransmitted;
    measures.address_moves += shard.dtls.address_moves;
    measures.sessions_restored += shard.dtls.sessions_restored;
    measures.datagrams_received += shard.udp.received;
    measures.datagrams_sent += shard.udp.sent;
    measures.kernel_drops += shard.kernel_drops;
    for (const auto& [name, load] : shard.pools)
        measures.pools[std::string(name)] += load;
}

void add(GatewayStatus& status, const ShardSnapshot& shard) {
    add(status.measures, shard);
    status.shards.push_back({.sessions = shard.sessions,
                             .handshakes_in_progress = shard.handshakes,
                             .received = shard.udp.received,
                             .handed_over = shard.handed_over,
                             .hand_overs_dropped = shard.hand_overs_dropped,
                             .readings = shard.ingress.readings_acknowledged});
    status.sessions += shard.sessions;
    status.handshakes_in_progress += shard.handshakes;
    UplinkCounts& uplink = status.uplink;
    uplink.readings += shard.ingress.readings_acknowledged;
    uplink.refused += shard.ingress.readings_refused;
    uplink.requests_refused += shard.ingress.requests_refused;
    uplink.duplicates += shard.duplicates;
    uplink.handshakes += shard.dtls.handshakes_completed;
    uplink.handshakes_failed += shard.dtls.handshakes_failed;
    uplink.handshakes_not_admitted +=
        shard.dtls.fates[static_cast<std::size_t>(dtls::Fate::kHandshakeNotAdmitted)];
    status.penalised_prefixes += shard.penalised;
    // The first four fates have an effect; docs/protocols.md and counters.hpp say what the others mean.
    constexpr std::size_t kFirstDropped = static_cast<std::size_t>(dtls::Fate::kMalformed);
    for (std::size_t i = 0; i < dtls::kFates; ++i) {
        const std::uint64_t count = shard.dtls.fates[i];
        if (count == 0) continue;
        uplink.fates[std::string(dtls::name_of(static_cast<dtls::Fate>(i)))] += count;
        if (i >= kFirstDropped) uplink.records_dropped += count;
    }
}

// "upstream aws (mqtts://…): no TCP connection" without its subject: in the status each stands beside its
// upstream's name.
std::string without_subject(std::string_view trouble, std::string_view name) {
    std::string_view rest = trouble;
    const auto skip = [&rest](std::string_view words) {
        if (!rest.starts_with(words)) return false;
        rest.remove_prefix(words.size());
        return true;
    };
    if (!skip("upstream ") || !skip(name)) return std::string(trouble);
    if (skip(" (")) rest.remove_prefix(std::min(rest.find(')'), rest.size() - 1) + 1);
    return std::string(skip(": ") ? rest : trouble);
}

StoreState state_of(const store::Status& store) {
    return {.waiting_readings = store.readings_waiting,
            .waiting_bytes = store.live_bytes,
            .max_bytes = store.max_size,
            .oldest = store.oldest,
            .full = store.full,
            .disk_full = store.disk_full,
            .over_age = store.over_age,
            .retained_readings = store.retained_readings,
            .retained_bytes = store.retained_bytes,
            .retained_since = store.retained_since,
            .commits = store.commits,
            .last_commit = store.last_commit_time,
            .longest_commit = store.longest_commit_time,
            .last_fsync = store.last_fsync_time,
            .longest_fsync = store.longest_fsync_time};
}

}  // namespace

StatusCollector::StatusCollector(io::EventLoop& loop, Sources sources)
    : loop_(loop),
      sources_(std::move(sources)),
      started_(loop.now().wall),
      timer_(loop.timer([this] { sample(); })) {
    sample();
}

void StatusCollector::sample() {
    const SteadyTime now = loop_.now().steady;
    samples_.push_back({now, sources_.store.status().readings_committed});
    while (samples_.front().at + kWindow < now)
        samples_.pop_front();
    timer_.arm(now + kSampleInterval);
}

double StatusCollector::readings_per_minute() const {
    const Sample& first = samples_.front();
    const std::chrono::duration<double, std::ratio<60>> minutes =
        std::max<SteadyTime::duration>(loop_.now().steady - first.at, kSampleInterval);
    return static_cast<double>(sources_.store.status().readings_committed - first.readings) / minutes.count();
}

GatewayStatus StatusCollector::collect() {
    GatewayStatus status;
    status.gateway = sources_.gateway;
    status.version = sources_.version;
    status.now = loop_.now().wall;
    status.started = started_;
    for (const Address& address : sources_.shards.addresses())
        status.listening.push_back(address.text());
    std::ranges::sort(status.listening);
    const auto [first, last] = std::ranges::unique(status.listening);
    status.listening.erase(first, last);
    for (const auto& shard : sources_.shards.snapshots(kPatience)) {
        // One that does not answer keeps its place in the list.
        add(status, shard.value_or(ShardSnapshot{}));
    }
    status.load = sources_.loader.progress();

    const store::Status store = sources_.store.status();
    const std::vector<store::Replay> replays = sources_.store.replays();
    status.devices = store.devices;
    status.store = state_of(store);
    status.measures.commit_times = store.commit_times;
    status.measures.fsync_times = store.fsync_times;
    status.measures.pools["store_queue"] = store.queue;
    status.measures.pools["store_queue_bytes"] = store.queue_bytes;
    status.measures.commit_sizes = store.commit_sizes;
    status.measures.queue_refusals = store.queue_refusals;
    status.measures.readings_dropped = store.readings_dropped;
    status.measures.wal_bytes = store.wal_bytes;
    status.fleets = sources_.care.states();
    status.readings_per_minute = readings_per_minute();
    for (UpstreamState& upstream : sources_.upstreams.states()) {
        const auto known = std::ranges::find(store.upstreams, upstream.name, &store::UpstreamStatus::name);
        if (known != store.upstreams.end()) {
            upstream.waiting_readings = known->pending_readings;
            upstream.waiting_bytes = known->pending_bytes;
            upstream.oldest = known->oldest;
            upstream.backlog_full = known->backlog_full;
            upstream.dropped = known->dropped;
            upstream.dead_letters = known->dead_letters;
        }
        for (const store::Replay& replay : replays) {
            if (replay.upstream_name != upstream.name || replay.ended || replay.end == replay.begin) continue;
            upstream.replaying = true;
            upstream.replay_part =
                static_cast<double>(replay.passed) / static_cast<double>(replay.end - replay.begin);
        }
        upstream.trouble = without_subject(upstream.trouble, upstream.name);
        status.upstreams.push_back(std::move(upstream));
    }
    return status;
}

std::string StatusCollector::line() {
    return health_of(collect()).sentence;
}

}  // namespace narrowgate::daemon
