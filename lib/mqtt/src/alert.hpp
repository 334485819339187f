// SPDX-License-Identifier: Apache-2.0
//
// What TLS alerts mean to people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narrowgate::mqtt {

// Descriptions of RFC 8446 section 6 that are drawn consequences from.
inline constexpr std::uint8_t kAlertCloseNotify = 0;
inline constexpr std::uint8_t kAlertHandshakeFailure = 40;
inline constexpr std::uint8_t kAlertBadCertificate = 42;
inline constexpr std::uint8_t kAlertIllegalParameter = 47;
inline constexpr std::uint8_t kAlertUnknownCa = 48;
inline constexpr std::uint8_t kAlertAccessDenied = 49;
inline constexpr std::uint8_t kAlertDecryptError = 51;
inline constexpr std::uint8_t kAlertCertificateRequired = 116;
inline constexpr std::uint8_t kAlertNoApplicationProtocol = 120;

struct AlertWords {
    std::uint8_t description;  // RFC 8446 section 6
    std::string_view name;     // as OpenSSL writes it
    // What it means and what to do when the broker sends it, about us; a null cure where there is nothing to
    // add.
    std::string_view from_broker;
    std::string_view from_broker_cure;
    // The same when we send it, about the broker.
    std::string_view from_us;
    std::string_view from_us_cure;
};

// Null for one that has no words.
const AlertWords* words_of_alert(std::uint8_t description);
// "unknown CA" for 48.
std::string alert_name(std::uint8_t description);

}  // namespace narrowgate::mqtt
