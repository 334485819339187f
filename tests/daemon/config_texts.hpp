// SPDX-License-Identifier: Apache-2.0
//
// A configuration with nothing wrong, to be spoilt by tests.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "daemon/config.hpp"

namespace narrowgate::daemon {

inline constexpr std::string_view kGatewayText = R"([gateway]
name = "gw-1"
state_directory = "state"
runtime_directory = "run"
log_level = "info"

[dtls]
listen = ["[::]:5684"]
mtu = 512
handshake_timeout = { min = "9s", max = "60s" }

[store]
max_size = "1GiB"
when_full = "reject"

[[upstream]]
name = "aws"
url = "mqtts://broker.example:8883"
client_id = "gw-1"
ca_file = "tls/ca.pem"
certificate_file = "tls/gw.crt"
key_file = "tls/gw.key"
)";

inline constexpr std::string_view kFleetText = R"([fleet]
name = "water-meters"
max_payload = "16KiB"

[[route]]
resource = "telemetry"
upstream = "aws"
topic = "dt/{fleet}/{device}/{resource}"
)";

// `text` with its first `from` replaced; `text` itself when there is none.
inline std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    std::string result(text);
    if (const auto at = result.find(from); at != std::string::npos) result.replace(at, from.size(), to);
    return result;
}

inline std::expected<Config, Mistakes> parse_texts(std::string gateway, std::string fleet) {
    const std::array fleets = {ConfigText{.file = "fleet.toml", .text = std::move(fleet)}};
    return parse_config({.file = "gateway.toml", .text = std::move(gateway)}, fleets);
}

}  // namespace narrowgate::daemon
