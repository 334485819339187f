// SPDX-License-Identifier: Apache-2.0
//
// How the gateway is, in one moment: gathered by the wiring, shown by `narrowgate status`.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/care/fleet_state.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/histogram.hpp"
#include "narrowgate/base/pool_load.hpp"
#include "narrowgate/mqtt/reason_code.hpp"
#include "narrowgate/store/status.hpp"

namespace narrowgate::daemon {

// The protocol translator behind the broker of a pelion-edge upstream, and its nodes. Counts are since start.
struct TranslatorState {
    bool used = false;   // else nothing of this means anything
    bool ready = false;  // registered at Edge Core, and answering
    std::uint64_t starts = 0;
    std::uint64_t nodes = 0;  // of these:
    std::uint64_t registered = 0;
    std::uint64_t asked = 0;        // their registration is not answered yet
    std::uint64_t failed = 0;       // refused, and asked again later
    std::uint64_t turned_away = 0;  // nodes beyond max_nodes
    std::uint64_t held = 0;         // readings that wait for a registration
    std::uint64_t unmapped = 0;     // values that have no LwM2M resource
};

// One [[upstream]].
struct UpstreamState {
    std::string name;
    bool connected = false;
    bool paused = false;            // refusing everything; waits before it tries again
    std::optional<WallTime> since;  // of being connected or not
    std::string trouble;            // the last error in words; empty when there is none
    std::uint64_t waiting_readings = 0;
    std::uint64_t waiting_bytes = 0;
    std::optional<WallTime> oldest;  // when the oldest of these was received
    std::uint64_t delivered = 0;     // since start, like the following
    std::uint64_t replayed = 0;      // sent once more and taken; not in `delivered`
    std::uint64_t dead_letters = 0;
    std::uint64_t dropped = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t messages = 0;                         // published, repeats included
    std::uint64_t message_readings = 0;                 // in them
    std::uint64_t metered_units = 0;                    // of 5 KB begun, as clouds meter them
    std::uint64_t units_alone = 0;                      // at least so many, had each reading been a message
    std::uint64_t unmapped = 0;                         // readings of which nothing was for it
    std::map<mqtt::ReasonCode, std::uint64_t> answers;  // PUBACKs, those above 0; not in the JSON form
    bool backlog_full = false;
    bool replaying = false;  // readings are sent once more:
    double replay_part = 0;  // of what is to be looked through, 0 to 1
    TranslatorState translator;
    // When the first certificate of our chain ends, and the last root that we trust; of the files in use.
    std::optional<WallTime> certificate_expires;
    std::optional<WallTime> roots_expire;
};

struct StoreState {
    std::uint64_t waiting_readings = 0;  // by at least one upstream
    std::uint64_t waiting_bytes = 0;
    std::uint64_t max_bytes = 0;
    std::optional<WallTime> oldest;
    bool full = false;
    bool disk_full = false;
    bool over_age = false;
    std::uint64_t retained_readings = 0;  // delivered, and kept for a replay
    std::uint64_t retained_bytes = 0;
    std::optional<WallTime> retained_since;  // when the first of these was received
    std::uint64_t commits = 0;
    std::chrono::microseconds last_commit{0};     // with its fsync
    std::chrono::microseconds longest_commit{0};  // since start
    std::chrono::microseconds last_fsync{0};      // what the disk took of a commit
    std::chrono::microseconds longest_fsync{0};   // since start, and not always of the longest commit
};

// Since start.
struct UplinkCounts {
    std::uint64_t readings = 0;          // acknowledged: on disk
    std::uint64_t refused = 0;           // 5.03: the store was full
    std::uint64_t requests_refused = 0;  // 4.xx and 5.xx
    std::uint64_t duplicates = 0;        // retransmissions that were recognised
    std::uint64_t handshakes = 0;        // completed
    std::uint64_t handshakes_failed = 0;
    std::uint64_t handshakes_not_admitted = 0;   // in a storm, or of a source whose handshakes fail
    std::uint64_t records_dropped = 0;           // of every fate that has no effect
    std::map<std::string, std::uint64_t> fates;  // dtls::Fate by name, those above 0
};

// One ingress thread. Counts are since start.
struct ShardState {
    std::uint64_t sessions = 0;
    std::uint64_t handshakes_in_progress = 0;
    std::uint64_t received = 0;            // datagrams
    std::uint64_t handed_over = 0;         // of these, to the shard they belong to
    std::uint64_t hand_overs_dropped = 0;  // it had too much to do
    std::uint64_t readings = 0;            // acknowledged
};

// How far the start has brought credentials and sessions into memory. The totals are the store's when it
// began.
struct LoadState {
    bool loading = false;
    std::uint64_t credentials = 0;
    std::uint64_t credentials_total = 0;
    std::uint64_t sessions = 0;
    std::uint64_t sessions_total = 0;
};

// What metrics show beside the status; not in its JSON form. Counts are since start.
struct Measures {
    // A handshake's end as metrics name it: {"timed_out", "finished"}, what became of it and what it waited
    // for.
    std::map<std::pair<std::string, std::string>, std::uint64_t> handshakes;
    std::map<std::uint8_t, std::uint64_t> answers;  // by CoAP code
    Histogram answer_times{kDurationBounds};  // microseconds from a record's arrival to its answer, durable
    Histogram commit_times{kDurationBounds};  // microseconds
    Histogram fsync_times{kDurationBounds};   // microseconds: what of a commit the disk took
    Histogram commit_sizes{store::kCommitSizeBounds};  // units
    std::map<std::string, PoolLoad> pools;             // by name; of all shards together
    std::uint64_t flights_retransmitted = 0;
    std::uint64_t address_moves = 0;  // sessions that came on with another address: NAT rebindings, mostly
    std::map<std::string, std::uint64_t> sessions_ended;  // by reason
    std::uint64_t sessions_restored = 0;
    std::uint64_t datagrams_received = 0;
    std::uint64_t datagrams_sent = 0;
    std::uint64_t kernel_drops = 0;    // datagrams for which a socket had no room
    std::uint64_t queue_refusals = 0;  // of the store's writer
    std::uint64_t readings_dropped = 0;
    std::uint64_t wal_bytes = 0;
};

struct GatewayStatus {
    std::string gateway;
    std::string version;
    WallTime now{};
    WallTime started{};
    std::vector<std::string> listening;
    std::uint64_t devices = 0;
    std::uint64_t sessions = 0;
    std::uint64_t handshakes_in_progress = 0;
    std::uint64_t penalised_prefixes = 0;  // sources whose handshakes keep failing
    LoadState load;
    std::vector<ShardState> shards;
    UplinkCounts uplink;
    double readings_per_minute = 0;  // over the last minute
    StoreState store;
    std::vector<UpstreamState> upstreams;
    std::vector<FleetState> fleets;  // by name
    Measures measures;
};

// Whole days until `end`; below 0 when it has passed.
std::int64_t days_left(WallTime now, WallTime end);

// Health in a sentence, the worst first: "All is well.", "The disk is full: …".
struct Health {
    bool well = true;
    std::string sentence;
};
Health health_of(const GatewayStatus& status);

// One screen for people.
std::string to_text(const GatewayStatus& status);
// For programs, and between the daemon and the command line. Adds "well", "health" and each upstream's
// "certificate_days_left".
nlohmann::json to_json(const GatewayStatus& status);
// The reverse; what is missing keeps its default. Fails when it is no status at all.
Expected<GatewayStatus> status_from_json(const nlohmann::json& value);

}  // namespace narrowgate::daemon
