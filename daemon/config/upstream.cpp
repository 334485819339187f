// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "daemon/config/sections.hpp"

namespace narrowgate::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, ProfileKind>, 1> kProfiles = {
    {{"mqtt", ProfileKind::kMqtt}}};

// AWS IoT Core takes 128 bytes; MQTT 5 section 3.1.3.1 promises only 23 anywhere.
constexpr std::size_t kMaxClientIdBytes = 128;

UpstreamConfig read_upstream(TableReader& table) {
    UpstreamConfig upstream;
    mqtt::ConnectionOptions& connection = upstream.connection;
    table.require("name", "\"aws\"");
    table.read_name("name", connection.name);
    table.read_choice<ProfileKind>("profile", upstream.profile, kProfiles);

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
    return upstream;
}

}  // namespace

void read_upstreams(TableReader& top, std::vector<UpstreamConfig>& upstreams) {
    top.read_tables("upstream", [&](TableReader& table) { upstreams.push_back(read_upstream(table)); });
}

}  // namespace narrowgate::daemon
