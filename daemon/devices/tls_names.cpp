// SPDX-License-Identifier: Apache-2.0
#include "daemon/devices/tls_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace narrowgate::daemon {
namespace {

struct Suite {
    std::uint16_t number;
    std::string_view name;
};

// What modems and small stacks offer: RFC 4279, 5246, 5288, 5289, 5487, 5489, 6655, 7251, 7905, 8442.
constexpr std::array kSuites{
    Suite{0x002c, "PSK-NULL-SHA"},
    Suite{0x002f, "AES128-SHA"},
    Suite{0x0035, "AES256-SHA"},
    Suite{0x003c, "AES128-SHA256"},
    Suite{0x003d, "AES256-SHA256"},
    Suite{0x008a, "PSK-RC4-SHA"},
    Suite{0x008b, "PSK-3DES-EDE-CBC-SHA"},
    Suite{0x008c, "PSK-AES128-CBC-SHA"},
    Suite{0x008d, "PSK-AES256-CBC-SHA"},
    Suite{0x0090, "DHE-PSK-AES128-CBC-SHA"},
    Suite{0x0091, "DHE-PSK-AES256-CBC-SHA"},
    Suite{0x009c, "AES128-GCM-SHA256"},
    Suite{0x009d, "AES256-GCM-SHA384"},
    Suite{0x00a8, "PSK-AES128-GCM-SHA256"},
    Suite{0x00a9, "PSK-AES256-GCM-SHA384"},
    Suite{0x00aa, "DHE-PSK-AES128-GCM-SHA256"},
    Suite{0x00ae, "PSK-AES128-CBC-SHA256"},
    Suite{0x00af, "PSK-AES256-CBC-SHA384"},
    Suite{0x00b0, "PSK-NULL-SHA256"},
    Suite{0x00b2, "DHE-PSK-AES128-CBC-SHA256"},
    Suite{0xc009, "ECDHE-ECDSA-AES128-SHA"},
    Suite{0xc00a, "ECDHE-ECDSA-AES256-SHA"},
    Suite{0xc013, "ECDHE-RSA-AES128-SHA"},
    Suite{0xc014, "ECDHE-RSA-AES256-SHA"},
    Suite{0xc023, "ECDHE-ECDSA-AES128-SHA256"},
    Suite{0xc024, "ECDHE-ECDSA-AES256-SHA384"},
    Suite{0xc027, "ECDHE-RSA-AES128-SHA256"},
    Suite{0xc028, "ECDHE-RSA-AES256-SHA384"},
    Suite{0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    Suite{0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384"},
    Suite{0xc02f, "ECDHE-RSA-AES128-GCM-SHA256"},
    Suite{0xc030, "ECDHE-RSA-AES256-GCM-SHA384"},
    Suite{0xc035, "ECDHE-PSK-AES128-CBC-SHA"},
    Suite{0xc036, "ECDHE-PSK-AES256-CBC-SHA"},
    Suite{0xc037, "ECDHE-PSK-AES128-CBC-SHA256"},
    Suite{0xc038, "ECDHE-PSK-AES256-CBC-SHA384"},
    Suite{0xc0a4, "PSK-AES128-CCM"},
    Suite{0xc0a5, "PSK-AES256-CCM"},
    Suite{0xc0a8, "PSK-AES128-CCM8"},
    Suite{0xc0a9, "PSK-AES256-CCM8"},
    Suite{0xc0ac, "ECDHE-ECDSA-AES128-CCM"},
    Suite{0xc0ae, "ECDHE-ECDSA-AES128-CCM8"},
    Suite{0xcca8, "ECDHE-RSA-CHACHA20-POLY1305"},
    Suite{0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"},
    Suite{0xccab, "PSK-CHACHA20-POLY1305"},
    Suite{0xd001, "ECDHE-PSK-AES128-GCM-SHA256"},
};

constexpr std::uint16_t kRenegotiationInfo = 0x00ff;  // RFC 5746 section 3.3
constexpr std::uint16_t kFallback = 0x5600;           // RFC 7507

}  // namespace

SuiteTraits traits_of(std::uint16_t suite) {
    SuiteTraits traits;
    traits.signalling = suite == kRenegotiationInfo || suite == kFallback;
    const auto* const found = std::ranges::find(kSuites, suite, &Suite::number);
    if (found == kSuites.end()) {
        traits.name = fmt::format("0x{:04x}", suite);
        return traits;
    }
    traits.name = found->name;
    traits.psk = found->name.starts_with("PSK-");
    // Names that say no mode, as AES128-SHA, mean CBC.
    const auto has = [&](std::string_view word) { return found->name.find(word) != std::string_view::npos; };
    traits.cbc = !has("GCM") && !has("CCM") && !has("POLY1305") && !has("NULL") && !has("RC4");
    return traits;
}

std::string alert_name(std::uint8_t alert) {
    switch (alert) {
        case 0:
            return "close_notify";
        case 10:
            return "unexpected_message";
        case 20:
            return "bad_record_mac";
        case 22:
            return "record_overflow";
        case 40:
            return "handshake_failure";
        case 47:
            return "illegal_parameter";
        case 50:
            return "decode_error";
        case 51:
            return "decrypt_error";
        case 70:
            return "protocol_version";
        case 71:
            return "insufficient_security";
        case 80:
            return "internal_error";
        case 90:
            return "user_canceled";
        case 110:
            return "unsupported_extension";
        case 115:
            return "unknown_psk_identity";
        default:
            return fmt::format("alert {}", alert);
    }
}

}  // namespace narrowgate::daemon
