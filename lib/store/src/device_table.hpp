// SPDX-License-Identifier: Apache-2.0
//
// Devices and credentials on disk. Every call that changes something runs inside the caller's transaction.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit_trail.hpp"
#include "credential_reader.hpp"
#include "journal.hpp"
#include "narrowgate/store/devices.hpp"
#include "sealer.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the writer's.
class DeviceTable {
public:
    DeviceTable(Database& database, const Sealer& sealer, Meta& meta);

    // --- Changes; each leaves its line in the audit trail
    // ---------------------------------------------------
    struct By {
        std::string_view actor;
        WallTime at{};
    };
    Expected<CredentialId> add(const NewDevice& device, const By& by);
    ImportResult import(std::span<const NewDevice> devices, const By& by);
    Expected<CredentialRow> rotate(std::string_view identity_or_name, Rotation&& rotation, const By& by);
    // The credentials that were in use and now are revoked.
    Expected<std::vector<CredentialId>> revoke(std::string_view identity_or_name, const By& by);
    Expected<CredentialId> revoke_credential(std::string_view identity, const By& by);
    // The device's name. Nothing as interval: its fleet's.
    Expected<std::string> set_report_interval(std::string_view identity_or_name,
                                              std::optional<seconds> interval, const By& by);
    // Its successor has proved itself. Nothing happens when it is not in use.
    void retire(CredentialId credential, WallTime at);

    // --- Looking
    // --------------------------------------------------------------------------------------------
    std::vector<Device> list(std::string_view after, std::size_t count);
    std::optional<Device> find(std::string_view identity_or_name);
    // Returns those that could not be opened.
    std::vector<UnreadableKey> load(const std::function<void(CredentialRow&&)>& take);
    std::vector<AuditEntry> audit(std::size_t count) { return audit_.newest(count); }

    struct Counts {
        std::uint64_t devices = 0;
        std::uint64_t credentials = 0;
    };
    Counts counts();  // of those in use

private:
    struct InUse {
        CredentialId id = 0;
        std::string device;
        std::string fleet;
        Bytes sealed;
        std::optional<WallTime> not_before;
        std::optional<WallTime> not_after;
    };
    enum class Change : std::uint8_t { kNone, kOther, kKey };

    std::optional<InUse> in_use(std::string_view identity);
    Expected<CredentialId> insert(const NewDevice& device, WallTime now);
    CredentialId insert_credential(const NewDevice& device, const std::string& name, CredentialId replaces,
                                   WallTime now);
    Change update(const InUse& old, const NewDevice& device, WallTime now);
    // The credential that this one is to replace by rotation; 0: none.
    CredentialId replaces_of(CredentialId credential);
    bool end_credential(CredentialId credential, WallTime now, std::string_view why);
    void end_device(const std::string& name, WallTime now);
    std::optional<std::string> name_of(std::string_view identity_or_name);
    std::string next_identity(const std::string& identity);
    void count(std::string_view what, int change);

    Database& database_;
    const Sealer& sealer_;
    Meta& meta_;
    AuditTrail audit_;
    Statement in_use_;
    Statement device_;
    Statement put_device_;
    Statement put_credential_;
    Statement end_credential_;
    Statement set_validity_;
    Statement set_fleet_;
    Statement device_of_identity_;
};

// Whether the fields are within their bounds, in words for the one who entered them.
Expected<void> check(const NewDevice& device);
// For messages: a name that is none may hold anything.
std::string printable(std::string_view text);

}  // namespace narrowgate::store
