// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-session-seeder: fills a state directory with devices whose sessions sleep (session_node.hpp),
// through the store's own interface, as a gateway would have.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "bench/seeding.hpp"
#include "bench/session_node.hpp"
#include "narrowgate/store/store.hpp"

namespace {

using namespace narrowgate;

constexpr std::size_t kDevicesAnImport = 50'000;

int complain(const Error& error) {
    fmt::print(stderr, "narrowgate-session-seeder: {}\n", error.text());
    return 1;
}

Expected<void> add_devices(store::Store& store, std::uint64_t count, const std::string& fleet) {
    for (std::uint64_t at = 0; at < count;) {
        std::vector<store::NewDevice> devices;
        for (; at < count && devices.size() < kDevicesAnImport; ++at)
            devices.push_back(bench::device_of(at, fleet));
        const auto result = store.import_devices(devices, false, "narrowgate-session-seeder");
        if (!result) return std::unexpected(result.error());
        if (!result->errors.empty()) return std::unexpected(result->errors.front().error);
    }
    return {};
}

Expected<void> add_sessions(store::Store& store, std::uint64_t count, const Clock& clock) {
    std::unordered_map<std::string, store::CredentialId> credentials;
    if (const auto loaded = store.load_credentials(
            [&](store::CredentialRow&& row) { credentials.emplace(std::move(row.identity), row.id); });
        !loaded) {
        return loaded;
    }
    return bench::submit_all(store, count, [&](std::uint64_t at) {
        store::Unit unit;
        unit.open = bench::session_of(at, credentials.at(bench::identity_of(at)), clock.now().wall,
                                      store.service_time());
        return unit;
    });
}

std::uintmax_t database_bytes(const std::filesystem::path& directory) {
    return std::filesystem::file_size(directory / "state.db");
}

}  // namespace

int main(int argc, char** argv) {
    std::string directory, fleet = "water-meters";
    std::uint64_t sessions = 0;
    CLI::App app("Writes devices with a sleeping session each into a new state directory. Prints JSON.");
    app.option_defaults()->always_capture_default();
    app.add_option("--state", directory, "The state directory, new or empty")->required();
    app.add_option("--sessions", sessions, "How many")->required()->check(CLI::Range(2, 0x00ff'ffff));
    app.add_option("--fleet", fleet, "Whose devices they are");
    CLI11_PARSE(app, argc, argv);

    const SystemClock clock;
    Log log(LogLevel::kWarning);
    store::Options options;
    options.directory = directory;
    const auto open = [&] { return store::Store::open(options, log, clock); };
    const auto start = clock.now().steady;
    auto store = open();
    if (!store) return complain(store.error());
    if (const auto added = add_devices(**store, sessions, fleet); !added) return complain(added.error());
    store->reset();
    const auto with_devices = database_bytes(directory);
    const auto devices_added = clock.now().steady;

    store = open();
    if (!store) return complain(store.error());
    if (const auto added = add_sessions(**store, sessions, clock); !added) return complain(added.error());
    store->reset();
    const auto with_sessions = database_bytes(directory);
    const auto in_seconds = [](auto duration) { return std::chrono::duration<double>(duration).count(); };
    const auto each = [&](std::uintmax_t bytes) {
        return static_cast<double>(bytes) / static_cast<double>(sessions);
    };
    const nlohmann::json json{{"sessions", sessions},
                              {"devices_s", in_seconds(devices_added - start)},
                              {"sessions_s", in_seconds(clock.now().steady - devices_added)},
                              {"database_bytes_per_device", each(with_devices)},
                              {"database_bytes_per_session", each(with_sessions - with_devices)}};
    fmt::print("{}\n", json.dump());
    return 0;
}
