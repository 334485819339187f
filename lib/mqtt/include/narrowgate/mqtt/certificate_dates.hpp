// SPDX-License-Identifier: Apache-2.0
//
// How long the certificates of a connection are good for, and what about them may not be meant though a
// connection can be tried. Keys that are no files (PKCS#11, TPM) will have certificates that are: nothing
// here looks at the key.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/mqtt/options.hpp"

namespace narrowgate::mqtt {

struct CertificateDates {
    enum class Role : std::uint8_t {
        kOwn,           // the gateway's: first in certificate_file
        kIntermediate,  // the others there
        kRoot,          // in ca_file
    };
    Role role{};
    std::filesystem::path file;
    std::string subject;  // "CN=gw-1"
    WallTime not_before{};
    WallTime not_after{};
    std::string fingerprint{};  // SHA-256 of its DER, in hexadecimal
};

// Every certificate of both files, in their order; none of a file that cannot be read (problems_of() says
// why). Thread: any; reads files.
std::vector<CertificateDates> dates_of(const ConnectionOptions& options);

// People are told so long before a certificate's end, and then with more emphasis.
inline constexpr std::chrono::days kExpiryNotice{30};
inline constexpr std::chrono::days kExpiryUrgent{7};

enum class Urgency : std::uint8_t {
    kNotice,   // ends within 30 days
    kUrgent,   // within 7
    kOutside,  // has ended, or not yet begun
};

struct DateFinding {
    Urgency urgency{};
    CertificateDates::Role role{};
    Error error;  // which file, subject and day; what to do
};

// Whether no broker would accept us: our own certificate is outside its dates.
inline bool is_a_problem(const DateFinding& finding) {
    return finding.role == CertificateDates::Role::kOwn && finding.urgency == Urgency::kOutside;
}

// What is to be said of `dates` at `now`, the most urgent first. A root that has expired is passed over while
// another holds: a bundle may keep old ones. `name` is the upstream's.
std::vector<DateFinding> findings_of(const std::vector<CertificateDates>& dates, const std::string& name,
                                     WallTime now);

// What the broker may refuse: a certificate not made for clients, a chain that is broken. Thread: any; reads
// files.
std::vector<Error> doubts_of(const ConnectionOptions& options);

}  // namespace narrowgate::mqtt
