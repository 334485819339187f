// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "daemon/config/sections.hpp"
#include "narrowgate/dtls/shard_map.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

constexpr std::uint64_t kKiB = std::uint64_t{1} << 10;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kLogLevels = {{{"debug", LogLevel::kDebug},
                                                                              {"info", LogLevel::kInfo},
                                                                              {"warning", LogLevel::kWarning},
                                                                              {"error", LogLevel::kError}}};
constexpr std::array<std::pair<std::string_view, store::WhenFull>, 2> kWhenFull = {
    {{"reject", store::WhenFull::kReject}, {"drop-oldest", store::WhenFull::kDropOldest}}};

}  // namespace

void read_gateway(TableReader& top, GatewayOptions& gateway) {
    top.read_table("gateway", [&](TableReader& table) {
        table.require("name", "\"gw-1\"");
        table.read_name("name", gateway.name);
        table.require("state_directory", "\"/var/lib/narrowgate\"");
        table.read_path("state_directory", gateway.state_directory);
        table.require("runtime_directory", "\"/run/narrowgate\"");
        table.read_path("runtime_directory", gateway.runtime_directory);
        gateway.fleets_directory = std::filesystem::path(table.file()).parent_path() / "fleets.d";
        table.read_path("fleets_directory", gateway.fleets_directory);
        table.read_path("offenders_log", gateway.offenders_log);
        table.read_choice<LogLevel>("log_level", gateway.log_level, kLogLevels);
        table.read_count("http_port", gateway.http_port, {1, 65'535});
    });
}

void read_dtls(TableReader& top, Config& config) {
    top.read_table("dtls", [&](TableReader& table) {
        dtls::Options& options = config.dtls;
        table.require("listen", "[\"[::]:5684\"]");
        table.read_addresses("listen", config.listen);
        table.read_size("mtu", options.mtu, {dtls::kMinMtuBytes, dtls::kMaxMtuBytes});
        table.read_table("handshake_timeout", [&](TableReader& timeout) {
            timeout.read_duration("min", options.handshake_timeout_min, {100ms, 1h});
            timeout.read_duration("max", options.handshake_timeout_max, {100ms, 1h});
            if (options.handshake_timeout_min > options.handshake_timeout_max) {
                timeout.wrong(timeout.has("min") ? "min" : "max",
                              "contradicts the other end: min is above max",
                              "give both, such as { min = \"9s\", max = \"60s\" }");
            }
        });
        table.read_duration("session_lifetime", options.session_lifetime, {1min, days(3650)});
        table.read_count("cid_bytes", options.cid_bytes, {dtls::kMinCidBytes, dtls::kMaxCidBytes});
        table.read_count("node", options.node, {0, 15});
        table.read_count("shards", options.shards, {1, dtls::kMaxShards});
        table.read_count("max_handshakes", options.max_handshakes, {1, 65'536});
        AdmissionLimits& admission = config.admission;
        table.read_number("handshakes_per_second", admission.handshakes_per_second, {1.0, 100'000.0});
        table.read_count("handshake_burst", admission.handshake_burst, {1, 1'000'000});
        admission.max_handshakes = options.max_handshakes;
        admission.max_handshakes_per_address = std::max<std::size_t>(1, options.max_handshakes / 2);
        table.read_count("max_handshakes_per_address", admission.max_handshakes_per_address, {1, 65'536});
        if (admission.max_handshakes_per_address > options.max_handshakes) {
            table.doubt("max_handshakes_per_address", "is above max_handshakes, which counts first",
                        "make it smaller, or leave it out");
        }
        table.read_duration("displace_after", options.displace_after, {100ms, 1h});
        table.read_count("lease_block", options.lease_block, {64, std::uint64_t{1} << 32});
        table.read_duration("repeat_answer_interval", options.repeat_answer_interval, {100ms, 1h});
    });
}

void read_store(TableReader& top, store::Options& store) {
    top.read_table("store", [&](TableReader& table) {
        table.read_size("max_size", store.max_size, {kMiB, 16 * kTiB});
        table.read_duration("max_age", store.max_age, {1min, days(3650)});
        table.read_choice<store::WhenFull>("when_full", store.when_full, kWhenFull);
        table.read_duration("retry_after", store.retry_after, {1s, 24h});
        table.read_duration("retention", store.retention, {1min, days(3650)});
        table.read_size("retention_size", store.retention_bytes, {kMiB, 16 * kTiB});
        if (store.retention_bytes != 0 && store.retention == 0s) {
            table.wrong("retention_size", "bounds what is kept after delivery, and nothing is",
                        "give retention too, such as \"7d\"");
        }
        table.read_size("ballast_size", store.ballast_bytes, {256 * kKiB, 1024 * kMiB});
        table.read_size("max_reply_size", store.max_reply_bytes, {kMiB, kTiB});
        table.read_count("max_dead_letters", store.max_dead_letters, {1, 10'000'000});
        table.read_count("queue_units", store.queue_units, {64, 1'048'576});
        table.read_count("commit_units", store.commit_units, {1, 65'536});
        if (store.commit_units > store.queue_units) {
            table.wrong(table.has("commit_units") ? "commit_units" : "queue_units",
                        "contradicts the other: one commit cannot take more units than the queue holds",
                        "make commit_units at most queue_units");
        }
        if (store.ballast_bytes >= store.max_size) {
            table.wrong(table.has("ballast_size") ? "ballast_size" : "max_size",
                        "contradicts the other: the ballast would be as large as the store",
                        "make ballast_size smaller than max_size");
        }
    });
}

}  // namespace narrowgate::daemon
