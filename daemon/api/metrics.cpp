// SPDX-License-Identifier: Apache-2.0
#include "daemon/api/metrics.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "daemon/allocator.hpp"
#include "narrowgate/ops/metrics.hpp"

namespace narrowgate::daemon {
namespace {

using ops::MetricKind;
using ops::MetricsPage;

constexpr double kMicrosecondsASecond = 1e6;

double seconds_of(WallTime time) {
    return static_cast<double>(time.time_since_epoch().count()) / kMicrosecondsASecond;
}
double age_of(const std::optional<WallTime>& oldest, WallTime now) {
    return oldest && *oldest < now ? seconds_of(now) - seconds_of(*oldest) : 0.0;
}
double number(std::uint64_t value) {
    return static_cast<double>(value);
}

void counter(MetricsPage& page, const char* name, const char* help, std::uint64_t value) {
    page.family(name, help, MetricKind::kCounter);
    page.sample(number(value));
}
void gauge(MetricsPage& page, const char* name, const char* help, double value) {
    page.family(name, help, MetricKind::kGauge);
    page.sample(value);
}

// `unit`: of the histogram's values in one of the metric's.
void histogram(MetricsPage& page, const char* name, const char* help, const Histogram& values, double unit) {
    std::array<double, Histogram::kMostBounds> bounds{};
    for (std::size_t i = 0; i < values.bounds().size(); ++i)
        bounds[i] = number(values.bounds()[i]) / unit;
    page.family(name, help, MetricKind::kHistogram);
    page.histogram({.bounds = std::span(bounds).first(values.bounds().size()),
                    .counts = values.counts(),
                    .sum = number(values.sum()) / unit});
}

void add_nodes(MetricsPage& page, const GatewayStatus& status) {
    const Measures& measures = status.measures;
    gauge(page, "narrowgate_devices", "Devices that are not revoked.", number(status.devices));
    gauge(page, "narrowgate_sessions", "DTLS sessions.", number(status.sessions));
    gauge(page, "narrowgate_handshakes_in_progress", "Handshakes in progress.",
          number(status.handshakes_in_progress));
    gauge(page, "narrowgate_penalised_prefixes", "Sources whose handshakes keep failing.",
          number(status.penalised_prefixes));
    counter(page, "narrowgate_datagrams_received_total", "Datagrams from nodes.",
            measures.datagrams_received);
    counter(page, "narrowgate_datagrams_sent_total", "Datagrams to nodes.", measures.datagrams_sent);
    counter(page, "narrowgate_kernel_receive_drops_total",
            "Datagrams for which a socket's receive buffer had no room.", measures.kernel_drops);
    page.family("narrowgate_records_total", "DTLS records by what became of them.", MetricKind::kCounter);
    for (const auto& [fate, count] : status.uplink.fates)
        page.sample(number(count), {{"fate", fate}});
    page.family("narrowgate_handshakes_total",
                "Handshakes that ended, by outcome and the step they had come to.", MetricKind::kCounter);
    for (const auto& [end, count] : measures.handshakes)
        page.sample(number(count), {{"outcome", end.first}, {"step", end.second}});
    counter(page, "narrowgate_flights_retransmitted_total", "Handshake flights sent again.",
            measures.flights_retransmitted);
    counter(page, "narrowgate_address_moves_total",
            "Sessions that came on with another address, as behind a NAT.", measures.address_moves);
    counter(page, "narrowgate_sessions_restored_total", "Sessions taken up again from disk.",
            measures.sessions_restored);
    page.family("narrowgate_sessions_ended_total", "Sessions that ended, by reason.", MetricKind::kCounter);
    for (const auto& [reason, count] : measures.sessions_ended)
        page.sample(number(count), {{"reason", reason}});
}

void add_requests(MetricsPage& page, const GatewayStatus& status) {
    const Measures& measures = status.measures;
    counter(page, "narrowgate_readings_acknowledged_total",
            "Readings that are on disk and were acknowledged.", status.uplink.readings);
    counter(page, "narrowgate_readings_refused_total", "Readings refused with 5.03: the store was full.",
            status.uplink.refused);
    page.family("narrowgate_coap_responses_total", "CoAP answers by code.", MetricKind::kCounter);
    for (const auto& [code, count] : measures.answers)
        page.sample(number(count), {{"code", fmt::format("{}.{:02}", code >> 5, code & 0x1f)}});
    counter(page, "narrowgate_coap_duplicates_total", "CoAP retransmissions that were recognised.",
            status.uplink.duplicates);
    histogram(page, "narrowgate_answer_seconds",
              "From the arrival of a request to its answer, with the commit between.", measures.answer_times,
              kMicrosecondsASecond);
}

void add_store(MetricsPage& page, const GatewayStatus& status) {
    const StoreState& store = status.store;
    const Measures& measures = status.measures;
    histogram(page, "narrowgate_store_commit_seconds", "A commit with its fsync.", measures.commit_times,
              kMicrosecondsASecond);
    histogram(page, "narrowgate_store_fsync_seconds", "What the disk takes to make a commit durable.",
              measures.fsync_times, kMicrosecondsASecond);
    histogram(page, "narrowgate_store_commit_units", "Units made durable by one commit.",
              measures.commit_sizes, 1);
    gauge(page, "narrowgate_store_waiting_readings", "Readings that wait for at least one upstream.",
          number(store.waiting_readings));
    gauge(page, "narrowgate_store_waiting_bytes", "Bytes of them.", number(store.waiting_bytes));
    gauge(page, "narrowgate_store_max_bytes", "What store.max_size allows.", number(store.max_bytes));
    gauge(page, "narrowgate_store_oldest_seconds", "Age of the oldest reading that waits.",
          age_of(store.oldest, status.now));
    gauge(page, "narrowgate_store_retained_readings", "Delivered readings that are kept for a replay.",
          number(store.retained_readings));
    gauge(page, "narrowgate_store_retained_bytes", "Bytes of them.", number(store.retained_bytes));
    gauge(page, "narrowgate_store_retained_seconds", "Since the first of them was received.",
          age_of(store.retained_since, status.now));
    gauge(page, "narrowgate_store_full", "1: readings are refused, the store is full.", store.full ? 1 : 0);
    gauge(page, "narrowgate_store_disk_full", "1: readings are refused, the disk is full.",
          store.disk_full ? 1 : 0);
    gauge(page, "narrowgate_store_wal_bytes", "Of the write-ahead log.", number(measures.wal_bytes));
    counter(page, "narrowgate_store_queue_refusals_total", "Units for which the writer's queue had no room.",
            measures.queue_refusals);
    counter(page, "narrowgate_readings_dropped_total", "Readings dropped undelivered, as drop_oldest says.",
            measures.readings_dropped);
}

void add_pools(MetricsPage& page, const GatewayStatus& status) {
    page.family("narrowgate_pool_used", "What bounded pools hold; full ones refuse or drop.",
                MetricKind::kGauge);
    for (const auto& [name, load] : status.measures.pools)
        page.sample(number(load.used), {{"pool", name}});
    page.family("narrowgate_pool_capacity", "What they can hold.", MetricKind::kGauge);
    for (const auto& [name, load] : status.measures.pools)
        page.sample(number(load.capacity), {{"pool", name}});
}

void add_fleets(MetricsPage& page, const GatewayStatus& status) {
    struct Figure {
        const char* name;
        const char* help;
        MetricKind kind;
        std::uint64_t (*value)(const FleetState&);
    };
    static constexpr std::array kFigures = {
        Figure{"narrowgate_fleet_devices", "Devices that are not revoked.", MetricKind::kGauge,
               [](const FleetState& fleet) { return fleet.devices; }},
        Figure{"narrowgate_fleet_silent_devices", "Devices that have missed their reports.",
               MetricKind::kGauge, [](const FleetState& fleet) { return fleet.silent; }},
        Figure{"narrowgate_fleet_never_heard_devices", "Devices that were never heard.", MetricKind::kGauge,
               [](const FleetState& fleet) { return fleet.never_heard; }},
        Figure{"narrowgate_fleet_fell_silent_together", "1: most devices fell silent within one interval.",
               MetricKind::kGauge,
               [](const FleetState& fleet) { return std::uint64_t{fleet.fell_together}; }},
        Figure{"narrowgate_fleet_over_tariff_devices", "Devices that have used what their tariff includes.",
               MetricKind::kGauge, [](const FleetState& fleet) { return fleet.over_tariff; }},
        Figure{"narrowgate_fleet_readings_total", "Readings that were acknowledged.", MetricKind::kCounter,
               [](const FleetState& fleet) { return fleet.since_start.readings; }},
    };
    for (const Figure& figure : kFigures) {
        page.family(figure.name, figure.help, figure.kind);
        for (const FleetState& fleet : status.fleets)
            page.sample(number(figure.value(fleet)), {{"fleet", fleet.name}});
    }
    page.family("narrowgate_fleet_bytes_total", "Bytes of UDP payload, by direction.", MetricKind::kCounter);
    for (const FleetState& fleet : status.fleets) {
        page.sample(number(fleet.since_start.bytes_up), {{"fleet", fleet.name}, {"direction", "up"}});
        page.sample(number(fleet.since_start.bytes_down), {{"fleet", fleet.name}, {"direction", "down"}});
    }
}

void add_upstreams(MetricsPage& page, const GatewayStatus& status) {
    struct Figure {
        const char* name;
        const char* help;
        MetricKind kind;
        double (*value)(const UpstreamState&, WallTime now);
    };
    using U = UpstreamState;
    static constexpr std::array kFigures = {
        Figure{"narrowgate_upstream_connected", "1: all its connections stand.", MetricKind::kGauge,
               [](const U& one, WallTime) { return one.connected ? 1.0 : 0.0; }},
        Figure{"narrowgate_upstream_paused", "1: it refuses everything, and is given time.",
               MetricKind::kGauge, [](const U& one, WallTime) { return one.paused ? 1.0 : 0.0; }},
        Figure{"narrowgate_upstream_waiting_readings", "Readings that wait for it.", MetricKind::kGauge,
               [](const U& one, WallTime) { return number(one.waiting_readings); }},
        Figure{"narrowgate_upstream_waiting_bytes", "Bytes of them.", MetricKind::kGauge,
               [](const U& one, WallTime) { return number(one.waiting_bytes); }},
        Figure{"narrowgate_upstream_lag_seconds", "Age of the oldest reading that waits for it.",
               MetricKind::kGauge, [](const U& one, WallTime now) { return age_of(one.oldest, now); }},
        Figure{"narrowgate_upstream_delivered_readings_total", "Readings that its broker acknowledged.",
               MetricKind::kCounter, [](const U& one, WallTime) { return number(one.delivered); }},
        Figure{"narrowgate_upstream_replayed_readings_total",
               "Readings sent once more that its broker acknowledged.", MetricKind::kCounter,
               [](const U& one, WallTime) { return number(one.replayed); }},
        Figure{"narrowgate_upstream_dead_letters_total", "Readings that its broker refused for good.",
               MetricKind::kCounter, [](const U& one, WallTime) { return number(one.dead_letters); }},
        Figure{"narrowgate_upstream_dropped_readings_total", "Readings dropped above its max_backlog.",
               MetricKind::kCounter, [](const U& one, WallTime) { return number(one.dropped); }},
        Figure{"narrowgate_upstream_reconnects_total", "Connections after the first.", MetricKind::kCounter,
               [](const U& one, WallTime) { return number(one.reconnects); }},
        Figure{"narrowgate_upstream_publishes_total", "Messages published, repeats included.",
               MetricKind::kCounter, [](const U& one, WallTime) { return number(one.messages); }},
        Figure{"narrowgate_upstream_metered_units_total", "5 KB begun, as clouds meter messages.",
               MetricKind::kCounter, [](const U& one, WallTime) { return number(one.metered_units); }},
        Figure{"narrowgate_upstream_unmapped_readings_total", "Readings of which nothing was for it.",
               MetricKind::kCounter, [](const U& one, WallTime) { return number(one.unmapped); }},
    };
    for (const Figure& figure : kFigures) {
        page.family(figure.name, figure.help, figure.kind);
        for (const UpstreamState& one : status.upstreams)
            page.sample(figure.value(one, status.now), {{"upstream", one.name}});
    }
    page.family("narrowgate_upstream_pubacks_total", "PUBACKs by MQTT reason code.", MetricKind::kCounter);
    for (const UpstreamState& one : status.upstreams) {
        for (const auto& [code, count] : one.answers)
            page.sample(number(count), {{"upstream", one.name}, {"reason", mqtt::to_words(code)}});
    }
    page.family("narrowgate_upstream_certificate_expiry_timestamp_seconds",
                "When our certificate for it ends.", MetricKind::kGauge);
    for (const UpstreamState& one : status.upstreams) {
        if (one.certificate_expires)
            page.sample(seconds_of(*one.certificate_expires), {{"upstream", one.name}});
    }
}

}  // namespace

ProcessFigures process_figures() {
    ProcessFigures figures;
    figures.cpu_seconds = std::chrono::duration<double>(process_cpu_time()).count();
    // proc(5): sizes in pages, the second is what is resident.
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    if (statm >> pages >> resident)
        figures.resident_bytes = number(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
    std::error_code error;
    for (std::filesystem::directory_iterator fd("/proc/self/fd", error), end; !error && fd != end;
         fd.increment(error))
        ++figures.open_descriptors;
    return figures;
}

std::string metrics_of(const GatewayStatus& status, const ProcessFigures& process) {
    MetricsPage page;
    page.family("narrowgate_build_info", "What runs.", MetricKind::kGauge);
    page.sample(1, {{"version", status.version}, {"gateway", status.gateway}});
    gauge(page, "narrowgate_healthy", "1: narrowgate status says that all is well.",
          health_of(status).well ? 1 : 0);
    gauge(page, "narrowgate_loading", "1: the start still brings sessions into memory.",
          status.load.loading ? 1 : 0);
    add_nodes(page, status);
    add_requests(page, status);
    add_store(page, status);
    add_pools(page, status);
    add_upstreams(page, status);
    add_fleets(page, status);
    gauge(page, "process_start_time_seconds", "When the gateway started.", seconds_of(status.started));
    page.family("process_cpu_seconds_total", "User and system.", MetricKind::kCounter);
    page.sample(process.cpu_seconds);
    gauge(page, "process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
    gauge(page, "process_open_fds", "Open descriptors.", process.open_descriptors);
    return page.text();
}

}  // namespace narrowgate::daemon
