// SPDX-License-Identifier: Apache-2.0
#include "narrowgate/mqtt/options.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>

#include "certificates.hpp"
#include "narrowgate/base/bytes.hpp"
#include "narrowgate/mqtt/certificate_dates.hpp"

namespace narrowgate::mqtt {
namespace {

constexpr std::string_view kScheme = "mqtts://";
constexpr std::uint16_t kDefaultPort = 8883;       // secure-mqtt, IANA
constexpr std::size_t kMaxHostBytes = 253;         // RFC 1035 section 2.3.4, without the root's dot
constexpr std::size_t kMaxClientIdBytes = 65'535;  // a UTF-8 string of MQTT 5 section 1.5.4

Expected<Endpoint> not_a_url(std::string_view url, std::string_view why) {
    // What stands before an "@" may be a password.
    const std::size_t at = url.rfind('@');
    const std::string harmless =
        at == std::string_view::npos
            ? std::string(url)
            : fmt::format("{}…{}", url.starts_with(kScheme) ? kScheme : "", url.substr(at));
    return failure(fmt::format("\"{}\" is not a broker's URL: {}", harmless, why),
                   "write it as mqtts://broker.example:8883");
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == ':';
}

bool is_address(int family, std::string_view host) {
    std::array<std::uint8_t, sizeof(in6_addr)> address{};
    return inet_pton(family, std::string(host).c_str(), address.data()) == 1;
}

}  // namespace

Expected<Endpoint> endpoint_of(std::string_view url) {
    if (!url.starts_with(kScheme)) return not_a_url(url, "it must begin with mqtts://");
    std::string_view rest = url.substr(kScheme.size());
    if (rest.find('@') != std::string_view::npos)
        return not_a_url(url, "it has no user and no password; our certificate is both");
    if (rest.ends_with('/')) rest.remove_suffix(1);

    if (rest.find('/') != std::string_view::npos) return not_a_url(url, "it has no path");

    std::string_view host = rest;
    std::string_view port_text;
    if (rest.starts_with('[')) {
        const std::size_t end = rest.find(']');
        if (end == std::string_view::npos) return not_a_url(url, "a ']' is missing");
        host = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
        if (!rest.empty() && !rest.starts_with(':')) return not_a_url(url, "only :port may follow the ']'");
        if (!rest.empty()) port_text = rest.substr(1);
    } else if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
        host = rest.substr(0, colon);
        port_text = rest.substr(colon + 1);
        if (port_text.find(':') != std::string_view::npos) {
            return not_a_url(url, "an IPv6 address is written in brackets");
        }
        if (port_text.empty()) return not_a_url(url, "the port is missing after the ':'");
    }
    if (host.empty()) return not_a_url(url, "there is no host");
    if (host.size() > kMaxHostBytes) return not_a_url(url, "the host is longer than 253 bytes");
    for (const char c : host) {
        if (!is_host_character(c)) return not_a_url(url, "a host has letters, digits, '-', '.' and '_' only");
    }

    if (url.substr(kScheme.size()).starts_with('[') && !is_address(AF_INET6, host))
        return not_a_url(url, "in brackets stands an IPv6 address");
    if (host.find_first_not_of("0123456789.") == std::string_view::npos && !is_address(AF_INET, host))
        return not_a_url(url, "an IPv4 address has four numbers from 0 to 255");
    if (host.starts_with('.') || host.find("..") != std::string_view::npos)
        return not_a_url(url, "a name has something before each dot");

    Endpoint endpoint{.host = std::string(host), .port = kDefaultPort};
    if (!port_text.empty()) {
        const char* end = port_text.data() + port_text.size();
        const auto [stopped, fault] = std::from_chars(port_text.data(), end, endpoint.port);
        if (fault != std::errc{} || stopped != end || endpoint.port == 0) {
            return not_a_url(url, "the port is a number from 1 to 65535");
        }
    }
    return endpoint;
}

std::vector<Error> problems_of(const ConnectionOptions& options, std::optional<WallTime> now) {
    std::vector<Error> problems;
    const auto add = [&](std::string what, std::string cure) {
        problems.push_back({fmt::format("upstream {}: {}", options.name, what), std::move(cure)});
    };

    if (const auto endpoint = endpoint_of(options.url); !endpoint) {
        add(endpoint.error().what, endpoint.error().cure);
    }
    if (options.client_id.empty() || options.client_id.size() > kMaxClientIdBytes ||
        !is_utf8(bytes_of(options.client_id)) || options.client_id.find('\0') != std::string::npos) {
        add("the client_id must be UTF-8 of 1 to 65535 bytes",
            "set client_id to the name the broker expects");
    }
    if (options.window < 1 || options.window > kMaxWindow) {
        add(fmt::format("a window of {} is not possible", options.window),
            fmt::format("set window to 1 to {}", kMaxWindow));
    }
    if (options.keep_alive < seconds(5) || options.keep_alive > seconds(65'535)) {
        add(fmt::format("a keep_alive of {} s is not possible", options.keep_alive.count()),
            "set keep_alive to between 5s and 65535s (AWS IoT Core: 30s to 1200s)");
    }
    if (options.connect_timeout < seconds(1) || options.connect_timeout > seconds(600)) {
        add(fmt::format("a connect_timeout of {} s is not possible", options.connect_timeout.count()),
            "set connect_timeout to between 1s and 600s");
    }

    std::vector<Error> of_files = problems_of_files(options);
    problems.insert(problems.end(), std::make_move_iterator(of_files.begin()),
                    std::make_move_iterator(of_files.end()));
    if (now) {
        for (DateFinding& finding : findings_of(dates_of(options), options.name, *now)) {
            if (is_a_problem(finding)) problems.push_back(std::move(finding.error));
        }
    }
    return problems;
}

}  // namespace narrowgate::mqtt
