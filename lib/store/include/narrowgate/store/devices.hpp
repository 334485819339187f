// SPDX-License-Identifier: Apache-2.0
//
// Devices and the credentials by which their nodes prove who they are. A device has one or more credentials:
// rotation is a second one with an identity of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "narrowgate/base/clock.hpp"
#include "narrowgate/base/error.hpp"
#include "narrowgate/base/secret.hpp"
#include "narrowgate/store/types.hpp"

namespace narrowgate::store {

inline constexpr std::size_t kMaxIdentityBytes = 128;  // RFC 4279 section 5.3
inline constexpr std::size_t kMaxPskBytes = 64;        // RFC 4279 section 5.3

// Of a device's reports, both included.
inline constexpr seconds kLeastReportInterval{1};
inline constexpr seconds kMostReportInterval = std::chrono::days(31);

struct NewDevice {
    std::string identity;  // PSK identity, 1 to kMaxIdentityBytes of UTF-8 without control characters
    std::string fleet;
    std::string name;  // empty: the identity. The name of a known device gives that one a further credential
    Secret psk;        // 1 to kMaxPskBytes bytes
    std::optional<WallTime> not_before;
    std::optional<WallTime> not_after;
};

struct CredentialInfo {
    CredentialId id = 0;
    std::string identity;
    WallTime added{};
    std::optional<WallTime> not_before;
    std::optional<WallTime> not_after;
    std::optional<WallTime> revoked;
    CredentialId replaces = 0;  // the one in whose place it comes (rotation); 0: none
    // "revoked" by an operator, "retired" when its successor proved itself, "replaced" by an import's key.
    std::optional<std::string> why_revoked;
};

// The next credential of a device.
struct Rotation {
    std::string identity;  // empty: the newest one's with "#2", or the next such number
    Secret psk;            // 1 to kMaxPskBytes bytes
    std::optional<WallTime> not_before;
    std::optional<WallTime> not_after;
};

struct Device {
    std::string name;
    std::string fleet;
    WallTime added{};
    std::optional<WallTime> revoked;
    std::optional<seconds> report_interval{};   // nothing: as its fleet
    std::vector<CredentialInfo> credentials{};  // oldest first, revoked ones included
};

// One credential with its key, as the handshake and an export with keys need it.
struct CredentialRow {
    CredentialId id = 0;
    std::string identity;
    std::string device;
    std::string fleet;
    Secret psk;
    std::optional<WallTime> not_before;
    std::optional<WallTime> not_after;
    std::optional<WallTime> revoked;
    CredentialId replaces = 0;  // the one in whose place it comes; 0: none
};

// What an import did, or would do. Nothing was changed when `errors` is not empty.
struct ImportResult {
    struct LineError {
        std::size_t index = 0;  // into what was handed in
        Error error;
    };
    std::vector<std::string> added;    // identities
    std::vector<std::string> changed;  // same identity, other key or fleet
    std::vector<std::string> unchanged;
    std::vector<CredentialId> revoked;  // credentials that a changed key replaced; their sessions are gone
    std::vector<LineError> errors;      // every line that is wrong
};

// One line of the audit trail: who changed what. Kept with the change, by the same commit.
struct AuditEntry {
    WallTime at{};
    std::string actor;    // as the caller of the change named it; "gateway" for what it did by itself
    std::string action;   // "add", "import", "rotate", "revoke", "retire" …
    std::string subject;  // a device or an identity
    std::string detail;

    bool operator==(const AuditEntry&) const = default;
};

inline constexpr std::size_t kAuditEntriesKept = 100'000;

}  // namespace narrowgate::store
