// SPDX-License-Identifier: Apache-2.0
#include "alert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace narrowgate::mqtt {
namespace {

constexpr std::string_view kOurCertificate =
    "check certificate_file and key_file, and that the broker knows them";
constexpr std::string_view kTheirCertificate =
    "check the broker's certificate (openssl s_client -connect HOST:PORT)";

constexpr std::array kAlerts = {
    AlertWords{40, "handshake failure", "the broker found no common way to speak TLS, or wants a certificate",
               kOurCertificate, "no common way to speak TLS", kTheirCertificate},
    AlertWords{42, "bad certificate", "the broker refused our certificate as bad", kOurCertificate,
               "the broker's certificate is bad", kTheirCertificate},
    AlertWords{43, "unsupported certificate", "the broker refused the kind of our certificate",
               "use a certificate for client authentication",
               "the broker's certificate is not one for servers", kTheirCertificate},
    AlertWords{44, "certificate revoked", "the broker says our certificate is revoked",
               "activate it there, or get another", "the broker's certificate is revoked", kTheirCertificate},
    AlertWords{45, "certificate expired", "the broker says our certificate has expired",
               "renew certificate_file",
               "the broker's certificate has expired, or this machine's clock is wrong",
               "check the clock, then tell the broker's operator"},
    AlertWords{46, "certificate unknown", "the broker refused our certificate", kOurCertificate,
               "the broker's certificate was not acceptable", kTheirCertificate},
    AlertWords{48, "unknown CA", "the broker does not know the authority of our certificate",
               "register our certificate or its authority there, or use the certificate it knows; those "
               "between it and "
               "the root belong into certificate_file too",
               "the broker's certificate is from an authority that ca_file does not hold",
               "put the broker's root into ca_file; if it is there, the broker does not send the "
               "certificates between; "
               "if you do not expect another authority, somebody is in between"},
    AlertWords{49, "access denied", "the broker denies access to our certificate", kOurCertificate,
               "access denied", kTheirCertificate},
    AlertWords{51, "decrypt error", "the broker could not verify our signature",
               "check that key_file is the key of certificate_file", "the broker's signature is wrong",
               kTheirCertificate},
    AlertWords{70, "protocol version", "the broker speaks no version of TLS that we speak",
               "it must speak TLS 1.2 or 1.3", "the broker speaks no version of TLS that we speak",
               "it must speak TLS 1.2 or 1.3"},
    AlertWords{71, "insufficient security", "the broker finds our TLS too weak", kOurCertificate,
               "the broker's TLS is too weak", kTheirCertificate},
    AlertWords{112, "unrecognized name", "the broker does not serve the host of url",
               "correct the host in url", "", ""},
    AlertWords{116, "certificate required", "the broker wants a certificate and got none", kOurCertificate,
               "", ""},
    AlertWords{120, "no application protocol", "the broker does not speak MQTT on this port",
               "check the port; on 443 an application protocol must be asked for", "", ""},
};

}  // namespace

const AlertWords* words_of_alert(std::uint8_t description) {
    const auto found = std::ranges::find(kAlerts, description, &AlertWords::description);
    return found == kAlerts.end() ? nullptr : &*found;
}

std::string alert_name(std::uint8_t description) {
    if (description == kAlertCloseNotify) return "close notify";
    const AlertWords* words = words_of_alert(description);
    return words == nullptr ? fmt::format("alert {}", description) : std::string(words->name);
}

}  // namespace narrowgate::mqtt
