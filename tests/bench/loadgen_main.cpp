// SPDX-License-Identifier: Apache-2.0
//
// narrowgate-loadgen: measures what a gateway spends on handshakes and on durable requests.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/load_generator.hpp"
#include "bench/process_meter.hpp"
#include "sim/identities.hpp"

namespace {

using namespace narrowgate;

double microseconds_each(std::chrono::nanoseconds total, std::uint64_t count) {
    return count == 0 ? 0
                      : std::chrono::duration<double, std::micro>(total).count() / static_cast<double>(count);
}

double percentile_ms(std::vector<std::chrono::nanoseconds>& values, double fraction) {
    if (values.empty()) return 0;
    const auto at = static_cast<std::ptrdiff_t>(fraction * static_cast<double>(values.size() - 1));
    std::ranges::nth_element(values, values.begin() + at);
    return std::chrono::duration<double, std::milli>(values[static_cast<std::size_t>(at)]).count();
}

int complain(const Error& error) {
    fmt::print(stderr, "narrowgate-loadgen: {}\n", error.text());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string gateway = "127.0.0.1:5684", identities_path;
    pid_t pid = 0;
    std::size_t sessions = 0, active = 0, handshakes_at_once = 32;
    double warm_up = 1, duration = 5;
    bool no_cid = false;

    CLI::App app(
        "Measures a gateway: all nodes shake hands, then send readings in a closed loop. Prints JSON.");
    app.option_defaults()->always_capture_default();
    app.add_option("--gateway", gateway, "Its address, IPv4, on this machine");
    app.add_option("--pid", pid, "Its process, whose CPU time and memory are read")->required();
    app.add_option("--identities-file", identities_path, "Lines of identity,psk_hex")->required();
    app.add_option("--sessions", sessions, "How many nodes; 0 is all of the file");
    app.add_option("--active", active, "How many of them send; 0 is all");
    app.add_option("--handshakes-at-once", handshakes_at_once, "While the nodes connect")
        ->check(CLI::PositiveNumber);
    app.add_option("--warm-up", warm_up, "Seconds of load before the measurement");
    app.add_option("--seconds", duration, "Of the measurement")->check(CLI::PositiveNumber);
    app.add_flag("--no-cid", no_cid, "Nodes offer no connection ID");
    CLI11_PARSE(app, argc, argv);

    const auto address = Address::from_text(gateway);
    if (!address || !address->is_v4()) return complain({gateway + ": not an IPv4 address and port", ""});
    auto identities = sim::read_identities(identities_path);
    if (!identities) return complain(identities.error());
    if (sessions > identities->size()) {
        return complain(
            {fmt::format("{} has {} identities", identities_path, identities->size()), "add more"});
    }
    if (sessions > 0) identities->resize(sessions);

    auto made = bench::LoadGenerator::make(*address);
    if (!made) return complain(made.error());
    bench::LoadGenerator& generator = **made;
    for (const sim::Identity& identity : *identities) {
        sim::NodeOptions options;
        options.dtls.identity = identity.name;
        options.dtls.psk = identity.psk;
        options.dtls.connection_id = !no_cid;
        options.dtls.handshake_timeout_min = milliseconds(2'000);
        generator.add_node(options);
    }
    const bench::ProcessMeter meter(pid);

    const std::uint64_t resident_before = meter.resident_bytes();
    auto cpu_before = meter.cpu_time();
    const auto handshakes = generator.shake_hands(handshakes_at_once, seconds(120));
    if (!handshakes) return complain(handshakes.error());
    const auto cpu_of_handshakes = meter.cpu_time() - cpu_before;
    const std::uint64_t resident_after = meter.resident_bytes();

    const std::size_t sending = active == 0 ? generator.nodes() : std::min(active, generator.nodes());
    const auto as_duration = [](double value) {
        return milliseconds(static_cast<milliseconds::rep>(value * 1'000));
    };
    (void)generator.send_readings(sending, as_duration(warm_up));
    const auto threads_before = meter.cpu_time_by_thread();
    cpu_before = meter.cpu_time();
    auto load = generator.send_readings(sending, as_duration(duration));
    const auto cpu_of_requests = meter.cpu_time() - cpu_before;
    if (meter.resident_bytes() == 0) return complain({"the gateway died under the load", "see its log"});

    nlohmann::json threads = nlohmann::json::object();
    for (const auto& [name, time] : meter.cpu_time_by_thread()) {
        const auto before = threads_before.find(name);
        const auto spent =
            time - (before == threads_before.end() ? std::chrono::nanoseconds{} : before->second);
        threads[name] = microseconds_each(spent, load.done);
    }
    const auto grown = static_cast<double>(resident_after) - static_cast<double>(resident_before);
    const nlohmann::json json{
        {"sessions", generator.nodes()},
        {"active", sending},
        {"handshakes", handshakes->done},
        {"handshakes_per_second", handshakes->per_second()},
        {"cpu_us_per_handshake", microseconds_each(cpu_of_handshakes, handshakes->done)},
        {"requests", load.done},
        {"requests_per_second", load.per_second()},
        {"cpu_us_per_request", microseconds_each(cpu_of_requests, load.done)},
        {"cpu_us_per_request_by_thread", threads},
        {"latency_p50_ms", percentile_ms(load.latencies, 0.50)},
        {"latency_p99_ms", percentile_ms(load.latencies, 0.99)},
        {"other_codes", load.other_codes},
        {"retransmissions", load.retransmissions},
        {"resident_bytes", resident_after},
        {"resident_bytes_per_session", grown / static_cast<double>(generator.nodes())}};
    fmt::print("{}\n", json.dump());
    return load.done > 0 ? 0 : 1;
}
