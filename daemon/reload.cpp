// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

namespace narrowgate::daemon {

Expected<void> check_reload(const Config& running, const Config& wanted,
                            const std::map<std::string, std::size_t>& devices, bool all_devices) {
    for (const Fleet& fleet : running.fleets) {
        if (all_devices || wanted.fleet(fleet.name) != nullptr) continue;
        return failure(
            fmt::format(
                "fleet \"{}\" is gone from the configuration, and whether devices belong to it is not "
                "known while they are being loaded",
                fleet.name),
            "reload again when narrowgate status says nothing of loading any more");
    }
    for (const auto& [fleet, count] : devices) {
        // One that was missing before stays forbidden to its devices; that is no reason to refuse the rest.
        if (wanted.fleet(fleet) != nullptr || running.fleet(fleet) == nullptr) continue;
        return failure(
            fmt::format("fleet \"{}\" is gone from the configuration, but {} device{} belong{} to it", fleet,
                        count, count == 1 ? "" : "s", count == 1 ? "s" : ""),
            "put its file back, or revoke its devices first (narrowgate device revoke)");
    }
    for (const Fleet& fleet : wanted.fleets) {
        for (const Route& route : fleet.routes) {
            if (running.upstream(route.upstream) != nullptr) continue;
            return failure(fmt::format("fleet \"{}\" has a route to upstream \"{}\", which does not run yet",
                                       fleet.name, route.upstream),
                           "a new upstream needs a restart: systemctl restart narrowgate");
        }
    }
    return {};
}

std::vector<std::string> waiting_for_restart(const Config& running, const Config& wanted) {
    std::vector<std::string> waiting;
    const auto compare = [&waiting](const char* name, const auto& left, const auto& right) {
        if (!(left == right)) waiting.emplace_back(name);
    };
    compare("gateway.name", running.gateway.name, wanted.gateway.name);
    compare("gateway.state_directory", running.gateway.state_directory, wanted.gateway.state_directory);
    compare("gateway.runtime_directory", running.gateway.runtime_directory, wanted.gateway.runtime_directory);

    const dtls::Options& old_dtls = running.dtls;
    const dtls::Options& new_dtls = wanted.dtls;
    compare("dtls.listen", running.listen, wanted.listen);
    compare("dtls.mtu", old_dtls.mtu, new_dtls.mtu);
    compare("dtls.handshake_timeout.min", old_dtls.handshake_timeout_min, new_dtls.handshake_timeout_min);
    compare("dtls.handshake_timeout.max", old_dtls.handshake_timeout_max, new_dtls.handshake_timeout_max);
    compare("dtls.cid_bytes", old_dtls.cid_bytes, new_dtls.cid_bytes);
    compare("dtls.node", old_dtls.node, new_dtls.node);
    compare("dtls.shards", old_dtls.shards, new_dtls.shards);
    compare("dtls.max_handshakes", old_dtls.max_handshakes, new_dtls.max_handshakes);
    compare("gateway.offenders_log", running.gateway.offenders_log, wanted.gateway.offenders_log);
    compare("dtls.handshakes_per_second", running.admission.handshakes_per_second,
            wanted.admission.handshakes_per_second);
    compare("dtls.handshake_burst", running.admission.handshake_burst, wanted.admission.handshake_burst);
    compare("dtls.max_handshakes_per_address", running.admission.max_handshakes_per_address,
            wanted.admission.max_handshakes_per_address);
    compare("dtls.displace_after", old_dtls.displace_after, new_dtls.displace_after);
    compare("dtls.lease_block", old_dtls.lease_block, new_dtls.lease_block);
    compare("dtls.repeat_answer_interval", old_dtls.repeat_answer_interval, new_dtls.repeat_answer_interval);
    compare("dtls.session_lifetime", old_dtls.session_lifetime, new_dtls.session_lifetime);

    compare("store.max_size", running.store.max_size, wanted.store.max_size);
    compare("store.max_age", running.store.max_age, wanted.store.max_age);
    compare("store.when_full", running.store.when_full, wanted.store.when_full);
    compare("store.retry_after", running.store.retry_after, wanted.store.retry_after);
    compare("store.ballast_size", running.store.ballast_bytes, wanted.store.ballast_bytes);
    compare("store.max_reply_size", running.store.max_reply_bytes, wanted.store.max_reply_bytes);
    compare("store.max_dead_letters", running.store.max_dead_letters, wanted.store.max_dead_letters);
    compare("store.queue_units", running.store.queue_units, wanted.store.queue_units);
    compare("store.commit_units", running.store.commit_units, wanted.store.commit_units);

    for (const UpstreamConfig& upstream : wanted.upstreams) {
        if (running.upstream(upstream.connection.name) == nullptr) {
            waiting.push_back(fmt::format("upstream \"{}\"", upstream.connection.name));
        }
    }
    for (const UpstreamConfig& upstream : running.upstreams) {
        const UpstreamConfig* now = wanted.upstream(upstream.connection.name);
        if (now == nullptr || now->profile != upstream.profile ||
            now->backlog.max_backlog != upstream.backlog.max_backlog ||
            now->connections != upstream.connections || now->pace != upstream.pace ||
            now->batch_bytes != upstream.batch_bytes ||
            now->largest_batch_bytes != upstream.largest_batch_bytes ||
            now->batch_delay != upstream.batch_delay || now->compression != upstream.compression ||
            now->pelion != upstream.pelion) {
            waiting.push_back(fmt::format("upstream \"{}\"", upstream.connection.name));
        }
    }
    return waiting;
}

std::set<std::string> names_of(const std::vector<Fleet>& fleets) {
    std::set<std::string> names;
    for (const Fleet& fleet : fleets)
        names.insert(fleet.name);
    return names;
}

Reloader::Reloader(std::filesystem::path file, Config running, Targets targets)
    : file_(std::move(file)), running_(std::move(running)), targets_(targets) {}

std::optional<std::string> Reloader::reload(WallTime now) {
    auto wanted = load_config(file_, now);
    if (!wanted) {
        std::string mistakes;
        for (const Mistake& mistake : wanted.error()) {
            targets_.log.error("not reloaded: {}", mistake.text());
            mistakes += mistake.text() + '\n';
        }
        return mistakes;
    }
    const bool all_loaded = !targets_.credentials.loading();
    if (const auto fits = check_reload(running_, *wanted, targets_.credentials.fleets(), all_loaded); !fits) {
        targets_.log.error("not reloaded: {}", fits.error().text());
        return fits.error().text();
    }
    for (const std::string& setting : waiting_for_restart(running_, *wanted)) {
        targets_.log.warning("{} has changed and waits for a restart", setting);
    }
    // It is in topics: half of them would change now, and the rest at the restart.
    wanted->gateway.name = running_.gateway.name;
    targets_.shards.set_policies(std::make_shared<const Policies>(wanted->fleets, targets_.upstream_ids));
    targets_.devices.set_fleets(names_of(wanted->fleets));
    targets_.care.set_fleets(wanted->fleets);
    targets_.upstreams.reload(*wanted);
    targets_.log.set_level(wanted->gateway.log_level);
    // What waits for a restart keeps being compared with what runs.
    running_.fleets = std::move(wanted->fleets);
    targets_.log.info("reloaded: {} fleet{}", running_.fleets.size(), running_.fleets.size() == 1 ? "" : "s");
    return std::nullopt;
}

}  // namespace narrowgate::daemon
