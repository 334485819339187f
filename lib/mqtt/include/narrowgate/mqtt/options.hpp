// SPDX-License-Identifier: Apache-2.0
//
// What a connection to one broker is made of, and what can be said about it before the first packet. Chain
// and host name of the broker are always verified: there is no field that turns that off.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"

namespace narrowgate::mqtt {

// paho's own limit of unacknowledged publishes. Reaching it makes paho 1.3.12 wait up to a second for every
// further message of every client in the process, so our window stays below.
inline constexpr std::size_t kPahoMaxInflight = 100;
// Largest window that may be configured.
inline constexpr std::size_t kMaxWindow = 90;

struct ConnectionOptions {
    // Name of the upstream, for messages to people.
    std::string name;
    // "mqtts://host:port"; the port is 8883 when left out. No other scheme: TLS is not optional.
    std::string url;
    // As the broker knows us. Two connections with one ID throw each other off (MQTT 5 section 3.1.4).
    std::string client_id;

    // PEM files, read again at each connect, so that a renewed certificate is used at the next one.
    std::filesystem::path ca_file;           // roots that may vouch for the broker; the system's are not used
    std::filesystem::path certificate_file;  // our chain, own certificate first
    // Its private key; refused when group or others can read it. A key that never leaves a PKCS#11 token or
    // TPM would be named here by a URI (RFC 7512) in place of a path: all that looks into the key is in
    // src/certificates.cpp (does it fit?) and src/attempt.cpp (paho's own options take files alone: the
    // engine or provider belongs there).
    std::filesystem::path key_file;

    // Application protocols offered in the TLS handshake (RFC 7301), the preferred first; empty: none.
    // "x-amzn-mqtt-ca" is what AWS IoT Core wants on port 443.
    std::vector<std::string> alpn{};

    // Silence after which we ping; a dead connection is noticed after at most 2.5 of these. AWS IoT Core
    // takes 30 to 1200 s and mobile NATs forget after a minute or more.
    seconds keep_alive{45};
    // Name look-up, TCP, TLS and CONNACK together. Four round trips and a few lost packets over a satellite.
    seconds connect_timeout{60};
    // Publishes without a PUBACK at any time: 1 to kMaxWindow; less if the broker's Receive Maximum is less.
    std::size_t window = 64;

    bool operator==(const ConnectionOptions&) const = default;
};

// A broker as a URL names it.
struct Endpoint {
    std::string host;  // name or address literal, without the brackets of IPv6
    std::uint16_t port = 0;
};

// Reads "mqtts://host[:port]". Thread: any.
Expected<Endpoint> endpoint_of(std::string_view url);

// Everything that is wrong with `options`, most basic first; empty when a connection can be tried. Looks at
// the files: missing, unreadable, not PEM, cut off, key readable by others, key behind a pass phrase, key
// that is not the certificate's, roots that are none; our own certificate expired or not yet valid at `now`,
// if that is given. Thread: any; reads files.
std::vector<Error> problems_of(const ConnectionOptions& options, std::optional<WallTime> now);

}  // namespace narrowgate::mqtt
