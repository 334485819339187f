// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-backlog-seeder: fills a state directory with readings that wait for upstreams, through the
// store's own interface, as a gateway would have whose brokers were away.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/seeding.hpp"
#include "narrowgate/store/store.hpp"
#include "sim/senml_reading.hpp"

namespace {

using namespace narrowgate;

constexpr std::uint16_t kSenmlCbor = 112;  // RFC 8428 section 12.3

struct Plan {
    std::string directory;
    std::string fleet = "water-meters";
    std::string resource = "telemetry";
    std::string prefix = "old-";
    std::vector<std::string> upstreams;
    std::uint64_t readings = 0;
    std::uint64_t devices = 1'000;
};

int complain(const Error& error) {
    fmt::print(stderr, "narrowgate-backlog-seeder: {}\n", error.text());
    return 1;
}

// Reading `at` of all: the devices take turns, and number theirs from 1.
store::NewReading reading_of(std::uint64_t at, const Plan& plan, store::UpstreamMask upstreams,
                             WallTime received) {
    const std::string device = fmt::format("{}{:04}", plan.prefix, at % plan.devices + 1);
    const sim::SenmlReading said{.base_name = device + ":",
                                 .sequence = at / plan.devices + 1,
                                 .temperature_celsius = 5 + static_cast<double>(at % 160) / 8,
                                 .volume_litres = 100'000 + at};
    return {.device = device,
            .fleet = plan.fleet,
            .resource = plan.resource,
            .content_format = kSenmlCbor,
            .payload = sim::encode(said),
            .received = received,
            .upstreams = upstreams};
}

Expected<std::uint64_t> fill(store::Store& store, const Plan& plan, const Clock& clock) {
    store::UpstreamMask upstreams = 0;
    for (const std::string& name : plan.upstreams) {
        const auto id = store.upstream(name);
        if (!id) return std::unexpected(id.error());
        upstreams |= store::mask_of(*id);
    }
    // As they would have come in: one a millisecond, the last just now.
    const WallTime first = clock.now().wall - milliseconds(plan.readings);
    std::uint64_t payload_bytes = 0;
    const auto submitted = bench::submit_all(store, plan.readings, [&](std::uint64_t at) {
        store::Unit unit;
        unit.reading = reading_of(at, plan, upstreams, first + milliseconds(at));
        payload_bytes += unit.reading->payload.size();
        return unit;
    });
    if (!submitted) return std::unexpected(submitted.error());
    return payload_bytes;
}

}  // namespace

int main(int argc, char** argv) {
    Plan plan;
    CLI::App app("Writes readings that wait for upstreams into a state directory. Prints JSON.");
    app.option_defaults()->always_capture_default();
    app.add_option("--state", plan.directory, "The state directory")->required();
    app.add_option("--readings", plan.readings, "How many")->required()->check(CLI::Range(1, 0x00ff'ffff));
    app.add_option("--upstream", plan.upstreams, "Whom they wait for; may be repeated")->required();
    app.add_option("--devices", plan.devices, "That took turns in sending them")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--prefix", plan.prefix, "Of the devices' names; a number follows");
    app.add_option("--fleet", plan.fleet, "Whose devices they are");
    app.add_option("--resource", plan.resource, "Uri-Path they were posted to");
    CLI11_PARSE(app, argc, argv);

    const SystemClock clock;
    Log log(LogLevel::kWarning);
    store::Options options;
    options.directory = plan.directory;
    auto store = store::Store::open(options, log, clock);
    if (!store) return complain(store.error());
    const auto payload_bytes = fill(**store, plan, clock);
    if (!payload_bytes) return complain(payload_bytes.error());
    store->reset();
    const nlohmann::json json{
        {"readings", plan.readings},
        {"bytes_per_reading", static_cast<double>(*payload_bytes) / static_cast<double>(plan.readings)}};
    fmt::print("{}\n", json.dump());
    return 0;
}
