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

#include "journal.hpp"
#include "narrowgate/store/devices.hpp"
#include "sealer.hpp"
#include "sqlite.hpp"

namespace narrowgate::store {

// Throws SqlFault. Thread: the writer's.
class DeviceTable {
public:
    DeviceTable(Database& database, const Sealer& sealer, Meta& meta);

    Expected<CredentialId> add(const NewDevice& device, WallTime now);
    ImportResult import(std::span<const NewDevice> devices, WallTime now);
    // The credentials that were in use and now are revoked.
    Expected<std::vector<CredentialId>> revoke(std::string_view identity_or_name, WallTime now);

    std::vector<Device> list();
    std::optional<Device> find(std::string_view identity_or_name);
    // Returns the identities that could not be opened.
    std::vector<std::string> load(const std::function<void(CredentialRow&&)>& take);

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
    CredentialId insert_credential(const NewDevice& device, const std::string& name, WallTime now);
    Change update(const InUse& old, const NewDevice& device, WallTime now);
    std::optional<std::string> name_of(std::string_view identity_or_name);

    Database& database_;
    const Sealer& sealer_;
    Meta& meta_;
    Statement in_use_;
    Statement device_;
    Statement put_device_;
    Statement put_credential_;
    Statement revoke_credential_;
    Statement set_validity_;
    Statement set_fleet_;
    Statement device_of_identity_;
};

}  // namespace narrowgate::store
