// SPDX-License-Identifier: Apache-2.0
//
// The configuration as values: narrowgate.toml and the files of its fleets directory, read and checked. Every
// mistake is found in one go and says where it is. docs/configuration.md lists the keys.
#pragma once

#include <expected>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/fleet.hpp"
#include "daemon/ingress/admission.hpp"
#include "daemon/upstream/pace.hpp"
#include "daemon/upstream/pelion_options.hpp"
#include "narrowgate/base/address.hpp"
#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/log.hpp"
#include "narrowgate/dtls/options.hpp"
#include "narrowgate/mqtt/options.hpp"
#include "narrowgate/store/options.hpp"

namespace narrowgate::daemon {

struct GatewayOptions {
    std::string name;                         // {gateway} in topics; [A-Za-z0-9_.-], 1 to 64 bytes
    std::filesystem::path state_directory;    // the store; of systemd's StateDirectory=
    std::filesystem::path runtime_directory;  // control.sock; of systemd's RuntimeDirectory=
    std::filesystem::path fleets_directory;   // one *.toml a fleet
    std::filesystem::path offenders_log;      // empty: none
    LogLevel log_level = LogLevel::kInfo;
    std::uint16_t http_port = 0;  // of 127.0.0.1, for the status page; 0: the socket alone

    std::filesystem::path control_socket() const { return runtime_directory / "control.sock"; }
    std::filesystem::path api_socket() const { return runtime_directory / "api.sock"; }
};

// Knows a cloud: how readings become publishes.
enum class ProfileKind : std::uint8_t {
    kMqtt,        // topic template, JSON, QoS 1: any broker
    kPelionEdge,  // values for the protocol translator behind the broker of Pelion Edge
    kAwsIot,      // the same within the limits of AWS IoT Core, in batches of its metering unit
};

enum class Compression : std::uint8_t {
    kNone,
    kGzip,  // of batches that become smaller by it
};

// Of an upstream, what takes effect at a start alone. The profile decides the defaults
// (daemon/config/upstream.cpp).
struct UpstreamSettings {
    ProfileKind profile = ProfileKind::kMqtt;
    store::UpstreamOptions backlog;
    // Connections of this upstream; a device's readings all take the same one. With more than one, "-0", "-1"
    // and so on follow the client ID.
    std::size_t connections = 1;
    PaceLimits pace;                      // of each connection
    std::size_t batch_bytes = 0;          // of a message that holds many readings; 0: one reading a message
    std::size_t largest_batch_bytes = 0;  // of several batches in one message; at least batch_bytes
    milliseconds batch_delay{1000};
    Compression compression = Compression::kNone;
    PelionOptions pelion;  // of kPelionEdge

    bool operator==(const UpstreamSettings&) const = default;
};

struct UpstreamConfig : UpstreamSettings {
    mqtt::ConnectionOptions connection;  // its name is the upstream's; a reload may change the rest
};

// One thing to put right. Line and column count from 1; 0 where the file as a whole is meant.
struct Mistake {
    std::string file;
    std::size_t line = 0;
    std::size_t column = 0;
    std::string what;
    std::string cure;

    // "FILE:LINE:COLUMN: WHAT; CURE".
    std::string text() const;
};

using Mistakes = std::vector<Mistake>;

// Thread: any, once loaded. Paths are absolute or relative to the working directory, never to the file.
struct Config {
    GatewayOptions gateway;
    std::vector<Address> listen;  // UDP; at least one
    dtls::Options dtls;
    AdmissionLimits admission;
    store::Options store;  // its directory is the state directory
    std::vector<UpstreamConfig> upstreams;
    std::vector<Fleet> fleets;
    Mistakes warnings;  // what works, and yet may not be meant or will soon not work

    // Nothing when there is no such fleet or upstream. Owned by this object.
    const Fleet* fleet(std::string_view name) const;
    const UpstreamConfig* upstream(std::string_view name) const;
};

// A file's name, as mistakes name it and as relative paths in it are resolved, and its text.
struct ConfigText {
    std::string file;
    std::string text;
};

// Reads text alone: no file is opened or looked for. On error, all mistakes in the order of files and lines.
std::expected<Config, Mistakes> parse_config(const ConfigText& gateway, std::span<const ConfigText> fleets);

// Reads `file` and its fleets, but none of the files and directories that they name.
std::expected<Config, Mistakes> read_config(const std::filesystem::path& file);

// The same, and checks what the configuration names on this machine: files that are missing, key files that
// others can read, certificates that are not valid at `now`, directories that cannot be used.
std::expected<Config, Mistakes> load_config(const std::filesystem::path& file, WallTime now);

// For a start: as load_config(), but a certificate that is not valid at `now` is a warning. Its upstream will
// say so at each attempt; nodes and the other upstreams must not wait for it, nor for a clock that is not set
// yet.
std::expected<Config, Mistakes> load_config_to_start(const std::filesystem::path& file, WallTime now);

// [gateway] alone: what a command needs to find a running daemon. A mistake elsewhere is none here.
std::expected<GatewayOptions, Mistakes> read_gateway_options(const std::filesystem::path& file);

// Every key that the readers know, as the documentation writes them: "dtls.mtu", "upstream.url",
// "route.topic", "dtls.handshake_timeout.min".
std::set<std::string> known_config_keys();

}  // namespace narrowgate::daemon
