// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "daemon/config/sections.hpp"
#include "daemon/upstream/aws_limits.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, ProfileKind>, 3> kProfiles = {
    {{"mqtt", ProfileKind::kMqtt},
     {"aws-iot", ProfileKind::kAwsIot},
     {"pelion-edge", ProfileKind::kPelionEdge}}};

constexpr std::array<std::pair<std::string_view, PelionForm>, 2> kForms = {
    {{"EdgeVal", PelionForm::kEdgeVal}, {"Val", PelionForm::kVal}}};
// Beyond this the memory for every node's newest values is no detail any more.
constexpr std::uint64_t kMaxPelionNodes = 100'000;

constexpr std::array<std::pair<std::string_view, Compression>, 2> kCompressions = {
    {{"none", Compression::kNone}, {"gzip", Compression::kGzip}}};

// MQTT 5 section 3.1.3.1 promises only 23 anywhere; brokers take more.
constexpr std::size_t kMaxClientIdBytes = aws::kMaxClientIdBytes;
// More than any account's quota of one gateway makes sense of, and a thread each.
constexpr std::uint64_t kMaxConnections = 16;
// Below this an envelope does not fit, let alone two rows.
constexpr std::uint64_t kLeastBatchBytes = 1024;

void use_defaults_of_aws(UpstreamConfig& upstream) {
    upstream.pace = {.publishes_per_second = aws::kPublishesPerSecond,
                     .bytes_per_second = aws::kBytesPerSecond};
    upstream.batch_bytes = aws::kMeteringUnitBytes;
}

// Where messages are metered by a batch's size, several in one cost the same; elsewhere a size is a size.
void read_largest_batch(TableReader& table, UpstreamConfig& upstream) {
    constexpr std::size_t kBatches = aws::kLargestBatchBytes / aws::kMeteringUnitBytes;
    upstream.largest_batch_bytes = upstream.batch_bytes;
    if (upstream.profile == ProfileKind::kAwsIot)
        upstream.largest_batch_bytes = std::min(kBatches * upstream.batch_bytes, aws::kMaxPayloadBytes);
    const std::size_t unset = upstream.largest_batch_bytes;
    table.read_size("largest_batch", upstream.largest_batch_bytes, {0, aws::kMaxPayloadBytes});
    if (upstream.largest_batch_bytes < upstream.batch_bytes) {
        table.wrong("largest_batch", "is smaller than batch_size",
                    "write a multiple of batch_size, or leave it out");
        upstream.largest_batch_bytes = unset;
    }
}

// What AWS IoT Core asks of a connection (aws_limits.hpp).
void check_aws(TableReader& table, UpstreamConfig& upstream) {
    mqtt::ConnectionOptions& connection = upstream.connection;
    if (connection.client_id.starts_with('$')) {
        table.wrong("client_id", "begins with '$', which AWS IoT Core keeps for itself",
                    "write one that begins with a letter");
    }
    if (connection.client_id.find_first_of("+#") != std::string::npos) {
        table.wrong("client_id", "has a '+' or '#': AWS IoT Core sends no lifecycle events for such a client",
                    "use letters, digits, '-' and '_'");
    }
    if (connection.keep_alive < aws::kLeastKeepAlive) {
        table.wrong("keep_alive", "is shorter than the 30s that AWS IoT Core makes of it",
                    "write 30s or more, up to 1200s");
    }
    const auto endpoint = mqtt::endpoint_of(connection.url);
    if (endpoint && endpoint->port == aws::kAlpnPort) connection.alpn = {aws::kAlpn};
}

// Of the protocol translator of Pelion Edge (pelion_options.hpp).
void read_pelion(TableReader& table, UpstreamConfig& upstream) {
    PelionOptions& pelion = upstream.pelion;
    table.read_choice<PelionForm>("form", pelion.form, kForms);
    table.read_name("gateway_id", pelion.gateway_id);
    table.read_count("max_nodes", pelion.max_nodes, {1, kMaxPelionNodes});
    table.read_duration("answer_timeout", pelion.answer_timeout, {100ms, 10min});
    table.read_duration("probe_interval", pelion.probe_interval, {1s, 1h});
    const bool is_pelion = upstream.profile == ProfileKind::kPelionEdge;
    for (const std::string_view key :
         {"form", "gateway_id", "max_nodes", "answer_timeout", "probe_interval"}) {
        if (!is_pelion && table.has(key))
            table.wrong(key, "is a key of the profile \"pelion-edge\"", "remove it, or set that profile");
    }
    if (!is_pelion) return;
    if (upstream.connections > 1) {
        table.wrong("connections", "must be 1: the translator cannot tell several apart", "remove the key");
    }
    if (upstream.batch_bytes != 0) {
        table.wrong("batch_size", "has no meaning here: the translator takes one node a message",
                    "remove the key");
    }
}

UpstreamConfig read_upstream(TableReader& table) {
    UpstreamConfig upstream;
    mqtt::ConnectionOptions& connection = upstream.connection;
    table.require("name", "\"aws\"");
    table.read_name("name", connection.name);
    table.read_choice<ProfileKind>("profile", upstream.profile, kProfiles);
    const bool is_aws = upstream.profile == ProfileKind::kAwsIot;
    if (is_aws) use_defaults_of_aws(upstream);

    table.require("url", "\"mqtts://broker.example:8883\"");
    table.read_text("url", connection.url);
    if (!connection.url.empty()) {
        if (const auto endpoint = mqtt::endpoint_of(connection.url); !endpoint) {
            table.wrong("url", "is no broker: " + endpoint.error().what, endpoint.error().cure);
            connection.url.clear();
        }
    }
    table.require("client_id", "\"gw-1\"");
    table.read_text("client_id", connection.client_id);
    if (connection.client_id.size() > kMaxClientIdBytes) {
        table.wrong("client_id", "is longer than 128 bytes", "write a shorter one");
    }

    table.require("ca_file", "\"tls/ca.pem\"");
    table.read_path("ca_file", connection.ca_file);
    table.require("certificate_file", "\"tls/gateway.crt\"");
    table.read_path("certificate_file", connection.certificate_file);
    table.require("key_file", "\"tls/gateway.key\"");
    table.read_path("key_file", connection.key_file);

    table.read_duration("keep_alive", connection.keep_alive, {5s, 1200s});
    table.read_duration("connect_timeout", connection.connect_timeout, {1s, 10min});
    table.read_count("window", connection.window, {1, mqtt::kMaxWindow});
    table.read_size("max_backlog", upstream.backlog.max_backlog, {0, std::uint64_t{1} << 44});

    table.read_count("connections", upstream.connections, {1, kMaxConnections});
    table.read_number("publishes_per_second", upstream.pace.publishes_per_second, {0.0, 1e6});
    std::uint64_t bytes_per_second = static_cast<std::uint64_t>(upstream.pace.bytes_per_second);
    table.read_size("bytes_per_second", bytes_per_second, {0, std::uint64_t{1} << 32});
    upstream.pace.bytes_per_second = static_cast<double>(bytes_per_second);
    table.read_size("batch_size", upstream.batch_bytes, {0, aws::kMaxPayloadBytes});
    if (upstream.batch_bytes != 0 && upstream.batch_bytes < kLeastBatchBytes) {
        table.wrong("batch_size", "is too small for a batch", "write 1KiB or more, or 0 for no batches");
    }
    read_largest_batch(table, upstream);
    table.read_duration("batch_delay", upstream.batch_delay, {0ms, 1h});
    for (const std::string_view key : {"largest_batch", "batch_delay"}) {
        if (upstream.batch_bytes == 0 && table.has(key))
            table.doubt(key, "has no effect: each reading is a message",
                        "write a batch_size too, or leave it out");
    }
    table.read_choice<Compression>("compression", upstream.compression, kCompressions);
    if (upstream.compression != Compression::kNone && upstream.batch_bytes == 0) {
        table.wrong("compression", "has nothing to compress: it is for batches",
                    "write a batch_size, or leave compression out");
    }
    if (is_aws) check_aws(table, upstream);
    read_pelion(table, upstream);
    return upstream;
}

}  // namespace

void read_upstreams(TableReader& top, std::vector<UpstreamConfig>& upstreams) {
    top.read_tables(
        "upstream", [&](TableReader& table) { upstreams.push_back(read_upstream(table)); },
        store::kMaxUpstreams);
}

}  // namespace narrowgate::daemon
