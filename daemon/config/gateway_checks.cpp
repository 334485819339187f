// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "daemon/config/sections.hpp"
#include "daemon/upstream/aws_limits.hpp"

namespace narrowgate::daemon {
namespace {

// The longest path that a unix socket can have, its NUL left out (unix(7)).
constexpr std::size_t kMaxSocketPathBytes = 107;

// IANA's "mqtt".
constexpr std::uint16_t kPlainMqttPort = 1883;

// What AWS IoT Core would drop or slow down without a word.
void warn_of_aws_limits(const Config& config, std::size_t index, const std::string& file,
                        Findings& findings) {
    const UpstreamConfig& upstream = config.upstreams[index];
    if (upstream.profile != ProfileKind::kAwsIot) return;
    const PaceLimits& pace = upstream.pace;
    // A rate that is not positive is no limit.
    const auto check_rate = [&](std::string_view key, auto rate, auto most, std::string_view otherwise) {
        if (rate > 0 && rate <= most) return;
        findings.warn(file, upstream_key(index, key),
                      fmt::format("{} is {}: AWS IoT Core {} on one connection", key,
                                  rate <= 0 ? "no limit" : "too much", otherwise),
                      "leave it out, and raise connections for more");
    };
    check_rate("publishes_per_second", pace.publishes_per_second, aws::kMostPublishesPerSecond,
               "drops what is above 100");
    check_rate("bytes_per_second", pace.bytes_per_second, aws::kMostBytesPerSecond,
               "slows down what is above 512 KiB");
}

// What has no effect, or one that is hardly meant.
void warn_of_waste(const Config& config, std::size_t index, const std::string& file, Findings& findings) {
    const UpstreamConfig& upstream = config.upstreams[index];
    if (upstream.backlog.max_backlog > config.store.max_size) {
        findings.warn(file, upstream_key(index, "max_backlog"),
                      "max_backlog is above the store's max_size, which counts first",
                      "make it smaller than max_size, or leave it out");
    }
    const auto endpoint = mqtt::endpoint_of(upstream.connection.url);
    if (!endpoint) return;
    if (endpoint->port == kPlainMqttPort) {
        findings.warn(file, upstream_key(index, "url"),
                      "port 1883 is that of MQTT without TLS, which narrowgate does not speak",
                      "ask for the broker's port with TLS, mostly 8883");
    }
    std::string host = endpoint->host;
    std::ranges::transform(host, host.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool is_aws =
        host.find(".iot.") != std::string::npos && host.find(".amazonaws.com") != std::string::npos;
    if (is_aws && upstream.profile != ProfileKind::kAwsIot) {
        findings.warn(file, upstream_key(index, "url"),
                      "this is AWS IoT Core, and without its profile its limits are not kept and port 443 is "
                      "not answered",
                      "add profile = \"aws-iot\" to this upstream");
    } else if (is_aws && host.find("-ats.iot.") == std::string::npos) {
        findings.warn(
            file, upstream_key(index, "url"),
            "the endpoint has no \"-ats\", so its certificate is of an authority that few trust any more",
            "ask for the other: aws iot describe-endpoint --endpoint-type iot:Data-ATS");
    }
}

// Names of hosts have no capitals (RFC 4343), and a port may be left out.
bool is_same_broker(std::string_view left, std::string_view right) {
    const auto one = mqtt::endpoint_of(left);
    const auto other = mqtt::endpoint_of(right);
    return one && other && one->port == other->port &&
           std::ranges::equal(one->host, other->host, [](unsigned char a, unsigned char b) {
               return std::tolower(a) == std::tolower(b);
           });
}

}  // namespace

void check_gateway(const Config& config, const std::string& file, Findings& findings) {
    const GatewayOptions& gateway = config.gateway;
    if (!gateway.state_directory.empty() && gateway.state_directory == gateway.runtime_directory) {
        findings.warn(
            file, "gateway.runtime_directory",
            "this is the state directory too, which is for its owner alone: nobody of the group would reach "
            "the sockets",
            "choose another, such as \"/run/narrowgate\"");
    }
    // The first thousand ports open for root alone (capabilities(7), CAP_NET_BIND_SERVICE).
    if (gateway.http_port != 0 && gateway.http_port < 1024) {
        findings.warn(file, "gateway.http_port",
                      fmt::format("port {} opens for root alone, and narrowgate runs as another user",
                                  gateway.http_port),
                      "choose one above 1023");
    }
    const auto socket = gateway.control_socket();
    if (socket.native().size() > kMaxSocketPathBytes) {
        findings.add(file, "gateway.runtime_directory",
                     fmt::format("the control socket's path would be {} bytes long, and {} are possible",
                                 socket.native().size(), kMaxSocketPathBytes),
                     "choose a shorter runtime_directory");
    }
    for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
        warn_of_aws_limits(config, i, file, findings);
        warn_of_waste(config, i, file, findings);
        const mqtt::ConnectionOptions& upstream = config.upstreams[i].connection;
        for (std::size_t j = 0; j < i; ++j) {
            const mqtt::ConnectionOptions& other = config.upstreams[j].connection;
            if (!upstream.name.empty() && other.name == upstream.name) {
                findings.add(file, upstream_key(i, "name"),
                             fmt::format("a second upstream \"{}\"", upstream.name),
                             "give each upstream a name of its own");
            } else if (!upstream.url.empty() && !upstream.client_id.empty() &&
                       is_same_broker(other.url, upstream.url) && other.client_id == upstream.client_id) {
                findings.add(file, upstream_key(i, "client_id"),
                             fmt::format("upstreams \"{}\" and \"{}\" are the same client at the same broker",
                                         other.name, upstream.name),
                             "give one of them another client_id: a broker ends the older of two such "
                             "connections");
            }
        }
    }
}

}  // namespace narrowgate::daemon
