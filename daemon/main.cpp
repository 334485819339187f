// SPDX-License-Identifier: Apache-2.0
//
// The program: every component of the daemon, built by hand and in order. Reading run() is reading
// Narrowgate.
#include "daemon/commands/run.hpp"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/allocator.hpp"
#include "daemon/api/api.hpp"
#include "daemon/care/fleet_care.hpp"
#include "daemon/commands/command_line.hpp"
#include "daemon/control/care_calls.hpp"
#include "daemon/control/dead_letter_calls.hpp"
#include "daemon/control/device_calls.hpp"
#include "daemon/control/diagnosis_calls.hpp"
#include "daemon/control/replay_calls.hpp"
#include "daemon/control/server.hpp"
#include "daemon/control/session_calls.hpp"
#include "daemon/control/store_calls.hpp"
#include "daemon/control/trace_calls.hpp"
#include "daemon/devices/credential_directory.hpp"
#include "daemon/devices/device_service.hpp"
#include "daemon/events.hpp"
#include "daemon/ingress/exchange_look.hpp"
#include "daemon/ingress/handshake_look.hpp"
#include "daemon/ingress/loader.hpp"
#include "daemon/ingress/offenders_log.hpp"
#include "daemon/ingress/session_look.hpp"
#include "daemon/ingress/shards.hpp"
#include "daemon/reload.hpp"
#include "daemon/status_collector.hpp"
#include "daemon/upstream/upstreams.hpp"
#include "daemon/version.hpp"
#include "daemon/watchdog.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/io/journal_sink.hpp"
#include "narrowgate/io/service_manager.hpp"
#include "narrowgate/io/udp_keeper.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {
namespace {

// How long a stop waits for commits in progress. The store has a second of its own after that, and systemd's
// patience is longer than both.
constexpr seconds kDrainPatience{5};
// And for PUBACKs of what is in flight; without them it is sent again after the next start.
constexpr seconds kUpstreamPatience{2};
constexpr seconds kStatusLineInterval{10};
// For a look at a device's sessions; after it, what the store has of them is shown.
constexpr milliseconds kLookPatience{500};
// How long a busy shard is tried to be told of sessions that are gone from disk.
constexpr seconds kForgetPatience{5};
// A commit that takes longer than this has hung, and not merely met a slow disk.
constexpr seconds kSlowestCommit{45};

std::string listed(const std::vector<Address>& addresses) {
    std::string list;
    for (const Address& address : addresses)
        list += (list.empty() ? "" : ", ") + address.text();
    return list;
}

}  // namespace

ExitCode run(const std::filesystem::path& file, Config config) {
    keep_freed_memory();
    // Before any thread is started: all of them leave these to the main loop.
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        io::block_signal(signal);

    Log log(config.gateway.log_level, io::journal_or_stderr());
    log.write(kEvent<"gateway.starting">, {}, "narrowgate {} starts with {}", kVersion, file.string());
    const auto give_up = [&log](const Error& error) {
        log.write(kEvent<"gateway.start_failed">, {}, error);
        return ExitCode::kFailed;
    };
    const SystemClock clock;
    const io::ServiceManager service_manager;
    // Before any thread too: it changes the environment.
    io::UdpKeeper sockets(service_manager, service_manager.take_kept());
    auto loop = io::EventLoop::create();
    if (!loop) return give_up(loop.error());

    // What is on disk.
    if (const char* credentials_directory = std::getenv("CREDENTIALS_DIRECTORY")) {
        config.store.credentials_directory = credentials_directory;
    }
    const auto store = store::Store::open(config.store, log, clock);
    if (!store) return give_up(store.error());
    const auto upstream_ids = register_upstreams(**store, config);
    if (!upstream_ids) return give_up(upstream_ids.error());

    // Nodes. Sessions and credentials come into memory while nodes are answered already.
    CredentialDirectory credentials(clock);
    auto policies = std::make_shared<const Policies>(config.fleets, *upstream_ids);
    config.admission.overloaded_at = config.store.queue_units * 3 / 4;
    std::optional<OffendersLog> offenders;
    std::function<void(const Offence&)> on_offence;
    if (!config.gateway.offenders_log.empty()) {
        auto opened = OffendersLog::open(config.gateway.offenders_log, log);
        if (!opened) return give_up(opened.error());
        offenders.emplace(std::move(*opened));
        on_offence = [&](const Offence& offence) {
            (void)(*loop)->post([&, offence] { offenders->write(offence, (*loop)->now().steady); });
        };
    }
    const auto shards = Shards::open({.listen = config.listen,
                                      .options = config.dtls,
                                      .credentials = credentials,
                                      .policies = policies,
                                      .store = **store,
                                      .log = log,
                                      .admission = config.admission,
                                      .offence = on_offence,
                                      .sockets = &sockets});
    if (!shards) return give_up(shards.error());
    sockets.finish();
    const auto loader = Loader::prepare({**store, credentials, **shards, clock, log});
    if (!loader) return give_up(loader.error());

    // Clouds.
    const auto upstreams = Upstreams::start(config, *upstream_ids, **store, log);
    if (!upstreams) return give_up(upstreams.error());

    const auto possible = [&](std::string_view upstream) {
        return (*upstreams)->replay_routes(upstream).has_value();
    };
    if (const auto ended = end_impossible_replays(**store, possible); !ended) return give_up(ended.error());

    // Operators.
    FleetCare care({.loop = **loop,
                    .store = **store,
                    .shards = **shards,
                    .directory = credentials,
                    .fleets = config.fleets,
                    .log = log});
    const auto change = [&](CredentialChanges&& changes) {
        const auto known = care.known_by(changes.removed);
        credentials.remove(changes.removed);
        care.changed(known, changes.added);
        for (store::CredentialRow& row : changes.added)
            credentials.add(std::move(row));
        (*shards)->end_sessions_of(changes.removed);
    };
    const auto look = [&](const std::vector<store::CredentialId>& of) {
        // While loading, some are on disk alone.
        if ((*loader)->progress().loading) return std::optional<std::vector<LiveSession>>();
        return look_at_sessions(**shards, clock, of, kLookPatience);
    };
    DeviceService devices(**store, clock, names_of(config.fleets),
                          {.changed = change,
                           .live_sessions = look,
                           .exchanges =
                               [&](const std::vector<store::CredentialId>& of, std::size_t count) {
                                   return look_at_exchanges(**shards, clock, of, count, kLookPatience);
                               },
                           .care = [&](const store::Device& device,
                                       DeviceFigures written) { return care.care_of(device, written); },
                           .interval_changed =
                               [&](const std::string& device, std::optional<seconds> interval) {
                                   care.book().set_interval(device, interval);
                               }});
    StatusCollector status(**loop, {.gateway = config.gateway.name,
                                    .version = std::string(kVersion),
                                    .store = **store,
                                    .shards = **shards,
                                    .loader = **loader,
                                    .upstreams = **upstreams,
                                    .care = care.book()});
    ControlCalls calls;
    add_care_calls(calls, care.book(), [&] { return care.time(); });
    add_device_calls(calls, devices);
    add_diagnosis_calls(calls, devices, config.dtls, [&](const DeviceQuery& query) {
        return look_for_device(**shards, clock, query, kLookPatience);
    });
    add_session_calls(calls, **store, clock, [&](std::vector<store::SessionId>&& sessions) {
        return (*shards)->forget(std::move(sessions), kForgetPatience);
    });
    add_store_calls(calls, **store);
    add_dead_letter_calls(calls, **store);
    add_replay_calls(calls, **store,
                     [&](std::string_view upstream) { return (*upstreams)->replay_routes(upstream); });
    add_trace_calls(calls, **upstreams);
    calls.add("status",
              [&](nlohmann::json&) -> Expected<nlohmann::json> { return to_json(status.collect()); });
    const auto control = ControlServer::open(**loop, config.gateway.control_socket(), calls, log);
    if (!control) return give_up(control.error());

    // Signals.
    const auto stop = [&] {
        service_manager.stopping();
        (*loop)->stop();
    };
    const io::Source on_sigterm = (*loop)->watch_signal(SIGTERM, stop);
    const io::Source on_sigint = (*loop)->watch_signal(SIGINT, stop);
    Reloader reloader(file, config,
                      {*upstream_ids, credentials, devices, care.book(), **shards, **upstreams, log});
    const io::Source on_sighup = (*loop)->watch_signal(SIGHUP, [&] {
        service_manager.reloading();
        if (offenders) offenders->reopen();
        reloader.reload((*loop)->now().wall);
        service_manager.ready();
    });

    Tail tail(**store);
    ops::HttpServerOptions http;
    http.socket = config.gateway.api_socket();
    if (config.gateway.http_port != 0) http.loopback_port = config.gateway.http_port;
    const auto api = Api::open(http, {.loop = **loop,
                                      .calls = calls,
                                      .status = [&] { return status.collect(); },
                                      .reload = [&] { return reloader.reload((*loop)->now().wall); },
                                      .tail = tail});
    if (!api) return give_up(api.error());

    Watchdog watchdog(**loop, service_manager, log);
    for (std::size_t i = 0; i < (*shards)->all().size(); ++i) {
        watchdog.watch_loop(
            "ingress loop " + std::to_string(i),
            [&shard = *(*shards)->all()[i]](std::function<void()> beat) { shard.beat(std::move(beat)); });
    }
    for (const auto& worker : (*upstreams)->workers()) {
        const std::string name = worker->status().state.name;
        watchdog.watch_loop("the loop of upstream \"" + name + "\"",
                            [&worker = *worker](std::function<void()> beat) { worker.ask(std::move(beat)); });
    }
    watchdog.watch("the store's writer", [&, turns = std::uint64_t{0}](SteadyTime now) mutable {
        const store::WriterPulse pulse = (*store)->pulse();
        const bool turned = pulse.turns != std::exchange(turns, pulse.turns);
        return turned || (pulse.commit_since && now - *pulse.commit_since < kSlowestCommit);
    });

    (*shards)->start();
    (*loader)->start();
    care.start();
    watchdog.start();
    log.write(kEvent<"gateway.ready">, {}, "listening on {}", listed((*shards)->addresses()));
    service_manager.ready();
    SpareMemory spare_memory;
    io::Source status_line = (*loop)->timer([&] {
        service_manager.status(status.line());
        spare_memory.look(process_cpu_time());
        status_line.arm((*loop)->now().steady + kStatusLineInterval);
    });
    status_line.arm((*loop)->now().steady);

    (*loop)->run();

    // Nodes hear nothing of this: their sessions go on at the next start.
    log.write(kEvent<"gateway.stopping">, {}, "stopping: commits in progress are finished first");
    (*loader)->stop();
    (*shards)->stop(kDrainPatience);
    care.finish();
    (*upstreams)->stop(kUpstreamPatience);
    (*store)->stop();
    log.write(kEvent<"gateway.stopped">, {}, "stopped");
    return ExitCode::kOk;
}

}  // namespace narrowgate::daemon

int main(int count, char** arguments) {
    using namespace narrowgate;
    const std::vector<std::string> words(arguments + 1, arguments + count);
    const SystemClock clock;
    return static_cast<int>(
        daemon::run_command_line(words, {std::cin, std::cout, std::cerr}, clock, daemon::run));
}
