// SPDX-License-Identifier: Apache-2.0
//
// What numbers of TLS are called, for people who look at a handshake that failed.
#pragma once

#include <cstdint>
#include <string>

namespace narrowgate::daemon {

struct SuiteTraits {
    std::string name;  // as OpenSSL has it; "0x1301" when it is not in our list
    bool psk = false;  // authenticates by a pre-shared key alone
    bool cbc = false;
    bool signalling = false;  // no suite, but a sign for the server (RFC 5746, RFC 7507)
};

// `suite`: its IANA number.
SuiteTraits traits_of(std::uint16_t suite);

// "handshake_failure", "alert 99": RFC 5246 section 7.2, RFC 4279 section 2.
std::string alert_name(std::uint8_t alert);

}  // namespace narrowgate::daemon
