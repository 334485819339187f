// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands/new_gateway.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace narrowgate::daemon {
namespace {

constexpr std::size_t kMaxWordBytes = 255;

constexpr std::array<Cloud, 3> kClouds = {
    {{.option = "--aws",
      .profile = "aws-iot",
      .ca_file = "tls/aws-roots.pem",
      .topic = "dt/{gateway}/{fleet}/{resource}",
      .question = "AWS IoT Core: the endpoint, PREFIX-ats.iot.REGION.amazonaws.com"},
     {.option = "--pelion",
      .profile = "pelion-edge",
      .ca_file = "tls/pelion-ca.pem",
      .topic = "",
      .question = "Pelion Edge: the host of the broker in front of it"},
     {.option = "--mqtt",
      .profile = "mqtt",
      .ca_file = "tls/mqtt-ca.pem",
      .topic = "dt/{gateway}/{fleet}/{device}/{resource}",
      .question = "Another MQTT 5 broker: its host"}}};

constexpr std::string_view kGatewayText =
    R"(# Narrowgate: the gateway. `narrowgate check` names every mistake with line, column and cure.
# Every key, its default and its meaning: narrowgate.toml(5). Paths are relative to this file.

[gateway]
# {{gateway}} in topics.
name = "{name}"
state_directory = "{state}"
runtime_directory = "{runtime}"

[dtls]
# UDP; "[::]" serves IPv4 too.
listen = ["{listen}"]

[store]
# Of readings not yet delivered. At the end of it nodes are told to come back; nothing acknowledged is dropped.
max_size = "1GiB"
when_full = "reject"
)";

constexpr std::string_view kUpstreamText = R"(
[[upstream]]
name = "{name}"
profile = "{profile}"
url = "mqtts://{host}"
client_id = "{client}"
# The roots that may vouch for the broker, and no others.
ca_file = "{ca}"
certificate_file = "{certificate}"
# Readable by the gateway's user alone.
key_file = "{key}"
)";

constexpr std::string_view kFleetText =
    R"(# A fleet: nodes that are alike, what they may send, and where it goes. One file each.
# Every key, its default and its meaning: narrowgate-fleet(5).

[fleet]
name = "{name}"

# A reading goes to every upstream that has a route for its resource.
)";

constexpr std::string_view kRouteText = R"([[route]]
# Uri-Path; "*" is one segment, "**" the rest.
resource = "telemetry"
upstream = "{upstream}"
)";

bool is_plain(char c) {
    static constexpr std::string_view kOthers = "\"\\',";
    return c > ' ' && c < '\x7f' && kOthers.find(c) == std::string_view::npos;
}

}  // namespace

std::span<const Cloud> clouds() {
    return kClouds;
}

std::optional<Error> problem_of_word(std::string_view what, std::string_view word) {
    if (!word.empty() && word.size() <= kMaxWordBytes && std::ranges::all_of(word, is_plain))
        return std::nullopt;
    return Error{fmt::format("{} is none that can be used", what),
                 "write a plain word: no blanks, quotes, commas or backslashes, at most 255 characters"};
}

ConfigText gateway_text(const NewGateway& gateway) {
    std::string text = fmt::format(
        kGatewayText, fmt::arg("name", gateway.name), fmt::arg("state", gateway.state_directory.string()),
        fmt::arg("runtime", gateway.runtime_directory.string()), fmt::arg("listen", gateway.listen));
    for (const NewGateway::Upstream& upstream : gateway.upstreams) {
        text += fmt::format(kUpstreamText, fmt::arg("name", upstream.cloud->name()),
                            fmt::arg("profile", upstream.cloud->profile), fmt::arg("host", upstream.host),
                            fmt::arg("client", gateway.name), fmt::arg("ca", upstream.cloud->ca_file),
                            fmt::arg("certificate", gateway.certificate_file()),
                            fmt::arg("key", gateway.key_file()));
    }
    return {.file = "narrowgate.toml", .text = std::move(text)};
}

ConfigText fleet_text(const NewGateway& gateway) {
    std::string text = fmt::format(kFleetText, fmt::arg("name", gateway.fleet));
    for (std::size_t i = 0; i < gateway.upstreams.size(); ++i) {
        const Cloud& cloud = *gateway.upstreams[i].cloud;
        if (i != 0) text += '\n';
        text += fmt::format(kRouteText, fmt::arg("upstream", cloud.name()));
        if (!cloud.topic.empty()) text += fmt::format("topic = \"{}\"\n", cloud.topic);
    }
    return {.file = gateway.fleet_file(), .text = std::move(text)};
}

}  // namespace narrowgate::daemon
