// SPDX-License-Identifier: Apache-2.0
//
// The program: every component of the daemon, built by hand and in order. Reading run() is reading
// Narrowgate.
#include "daemon/commands/run.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/commands/command_line.hpp"
#include "daemon/control/device_calls.hpp"
#include "daemon/control/server.hpp"
#include "daemon/control/store_calls.hpp"
#include "daemon/devices/credential_directory.hpp"
#include "daemon/devices/device_service.hpp"
#include "daemon/ingress/shard.hpp"
#include "daemon/reload.hpp"
#include "daemon/status_collector.hpp"
#include "daemon/upstream/upstreams.hpp"
#include "daemon/version.hpp"
#include "daemon/watchdog.hpp"
#include "narrowgate/base/crypto.hpp"
#include "narrowgate/io/event_loop.hpp"
#include "narrowgate/io/service_manager.hpp"
#include "narrowgate/store/store.hpp"

namespace narrowgate::daemon {
namespace {

// How long a stop waits for commits in progress. The store has a second of its own after that, and systemd's
// patience is longer than both.
constexpr seconds kDrainPatience{5};
// And for PUBACKs of what is in flight; without them it is sent again after the next start.
constexpr seconds kUpstreamPatience{2};
constexpr seconds kStatusLineInterval{10};
// A commit that takes longer than this has hung, and not merely met a slow disk.
constexpr seconds kSlowestCommit{45};

// Puts back what the store has of sessions and exchanges. A session that this version cannot read ends, and
// its node shakes hands again; no other is touched.
Expected<void> restore(store::Store& store, Shard& shard, Now now, Log& log) {
    std::vector<store::SessionId> unreadable;
    std::size_t restored = 0;
    if (const auto loaded = store.load_sessions([&](store::SessionRow&& row) {
            const store::SessionId id = row.id;
            if (shard.ingress().restore(std::move(row), now)) {
                ++restored;
            } else {
                unreadable.push_back(id);
            }
        });
        !loaded) {
        return loaded;
    }
    if (const auto loaded =
            store.load_replies([&](store::StoredReply&& reply) { shard.ingress().restore(reply, now); });
        !loaded) {
        return loaded;
    }
    if (!unreadable.empty()) {
        log.warning("{} sessions on disk cannot be read and have ended; their nodes will shake hands again",
                    unreadable.size());
        store::Unit unit;
        unit.close = std::move(unreadable);
        unit.sink = store.add_sink([](std::vector<store::Completion>&&) {});
        (void)store.submit(std::move(unit));
    }
    log.info("{} sessions go on", restored);
    return {};
}

}  // namespace

ExitCode run(const std::filesystem::path& file, Config config) {
    // Before any thread is started: all of them leave these to the main loop.
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        io::block_signal(signal);

    Log log(config.gateway.log_level);
    const auto give_up = [&log](const Error& error) {
        log.error("{}", error.text());
        return ExitCode::kFailed;
    };
    const SystemClock clock;
    const io::ServiceManager service_manager;
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
    CredentialDirectory credentials(clock);
    if (const auto loaded =
            (*store)->load_credentials([&](store::CredentialRow&& row) { credentials.add(std::move(row)); });
        !loaded) {
        return give_up(loaded.error());
    }

    // Nodes.
    auto policies = std::make_shared<const Policies>(config.fleets, *upstream_ids);
    std::array<std::uint8_t, 32> cookie_key{};
    crypto::fill_random(cookie_key);
    const auto shard =
        Shard::open(config.listen, config.dtls, credentials, cookie_key, policies, **store, log);
    if (!shard) return give_up(shard.error());
    if (const auto restored = restore(**store, **shard, clock.now(), log); !restored) {
        return give_up(restored.error());
    }

    // Clouds.
    const auto upstreams = Upstreams::start(config, *upstream_ids, **store, log);
    if (!upstreams) return give_up(upstreams.error());

    // Operators.
    const auto change = [&](CredentialChanges&& changes) {
        credentials.remove(changes.removed);
        for (store::CredentialRow& row : changes.added)
            credentials.add(std::move(row));
        (*shard)->end_sessions_of(std::move(changes.removed));
    };
    DeviceService devices(**store, clock, names_of(config.fleets), {.changed = change});
    StatusCollector status(**loop, {.gateway = config.gateway.name,
                                    .version = std::string(kVersion),
                                    .store = **store,
                                    .shards = {shard->get()},
                                    .upstreams = **upstreams});
    ControlCalls calls;
    add_device_calls(calls, devices);
    add_store_calls(calls, **store);
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
    Reloader reloader(file, config, {*upstream_ids, credentials, devices, **shard, **upstreams, log});
    const io::Source on_sighup = (*loop)->watch_signal(SIGHUP, [&] {
        service_manager.reloading();
        reloader.reload((*loop)->now().wall);
        service_manager.ready();
    });

    Watchdog watchdog(**loop, service_manager, log);
    watchdog.watch_loop("the ingress loop",
                        [&](std::function<void()> beat) { (*shard)->beat(std::move(beat)); });
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

    (*shard)->start();
    watchdog.start();
    for (const Address& address : (*shard)->addresses())
        log.info("listening on {}", address.text());
    service_manager.ready();
    io::Source status_line = (*loop)->timer([&] {
        service_manager.status(status.line());
        status_line.arm((*loop)->now().steady + kStatusLineInterval);
    });
    status_line.arm((*loop)->now().steady);

    (*loop)->run();

    // Nodes hear nothing of this: their sessions go on at the next start.
    log.info("stopping: commits in progress are finished first");
    (*shard)->stop(kDrainPatience);
    (*upstreams)->stop(kUpstreamPatience);
    (*store)->stop();
    log.info("stopped");
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
