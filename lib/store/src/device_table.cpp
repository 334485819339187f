// SPDX-License-Identifier: Apache-2.0
#include "device_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace narrowgate::store {
namespace {

// Names travel through logs, topics and CSV files.
bool is_name(std::string_view text, std::size_t max_bytes) {
    return !text.empty() && text.size() <= max_bytes && is_utf8(bytes_of(text)) &&
           std::ranges::none_of(text,
                                [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// For messages: a name that is none may hold anything.
std::string printable(std::string_view text) {
    return is_name(text, kMaxNameBytes) ? "\"" + std::string(text) + "\"" : "(unprintable)";
}

Expected<void> check(const NewDevice& device) {
    const auto what = printable(device.identity);
    if (!is_name(device.identity, kMaxIdentityBytes)) {
        return failure(fmt::format("identity {}: must be 1 to {} bytes of UTF-8 without control characters",
                                   what, kMaxIdentityBytes),
                       "give the identity that the node's firmware sends");
    }
    if (!is_name(device.fleet, kMaxNameBytes)) {
        return failure(fmt::format("device {}: its fleet {} is not a name", what, printable(device.fleet)),
                       "give the name of a fleet in fleets.d");
    }
    if (!device.name.empty() && !is_name(device.name, kMaxNameBytes)) {
        return failure(fmt::format("device {}: its name must be at most {} bytes of UTF-8 without control "
                                   "characters",
                                   what, kMaxNameBytes),
                       "leave the name out, or give a shorter one");
    }
    if (device.psk.empty() || device.psk.size() > kMaxPskBytes) {
        return failure(
            fmt::format("device {}: its key has {} bytes", what, device.psk.size()),
            fmt::format("a PSK has 1 to {} bytes; 16 random ones are right for AES-128", kMaxPskBytes));
    }
    if (device.not_before && device.not_after && *device.not_after <= *device.not_before) {
        return failure(fmt::format("device {}: its key ends before it begins", what), "swap the two times");
    }
    return {};
}

}  // namespace

DeviceTable::DeviceTable(Database& database, const Sealer& sealer, Meta& meta)
    : database_(database),
      sealer_(sealer),
      meta_(meta),
      in_use_(database,
              "SELECT id, device, fleet, sealed, not_before, not_after FROM credential JOIN device"
              " ON device.name = credential.device WHERE identity = ?1 AND credential.revoked IS NULL"),
      device_(database, "SELECT fleet, revoked FROM device WHERE name = ?1"),
      put_device_(database,
                  "INSERT INTO device(name, fleet, added) VALUES(?1, ?2, ?3)"
                  " ON CONFLICT(name) DO UPDATE SET fleet = ?2, added = ?3, revoked = NULL"),
      put_credential_(database,
                      "INSERT INTO credential(id, identity, device, sealed, added, not_before, not_after)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
      revoke_credential_(database, "UPDATE credential SET revoked = ?2 WHERE id = ?1"),
      set_validity_(database, "UPDATE credential SET not_before = ?2, not_after = ?3 WHERE id = ?1"),
      set_fleet_(database, "UPDATE device SET fleet = ?2 WHERE name = ?1"),
      device_of_identity_(database,
                          "SELECT device FROM credential WHERE identity = ?1"
                          " ORDER BY revoked IS NOT NULL, id DESC LIMIT 1") {}

Expected<CredentialId> DeviceTable::add(const NewDevice& device, WallTime now) {
    if (auto good = check(device); !good) return std::unexpected(good.error());
    if (const auto old = in_use(device.identity)) {
        return failure(
            fmt::format("identity \"{}\" is in use by device \"{}\"", device.identity, old->device),
            "revoke that device first, or choose another identity");
    }
    return insert(device, now);
}

ImportResult DeviceTable::import(std::span<const NewDevice> devices, WallTime now) {
    ImportResult result;
    std::unordered_set<std::string_view> seen;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        const auto& device = devices[i];
        if (auto good = check(device); !good) {
            result.errors.push_back({i, good.error()});
            continue;
        }
        if (!seen.insert(device.identity).second) {
            result.errors.push_back({i,
                                     {fmt::format("identity \"{}\" occurs twice", device.identity),
                                      "remove one of the two lines"}});
            continue;
        }
        const auto old = in_use(device.identity);
        if (!old) {
            if (auto added = insert(device, now); !added) {
                result.errors.push_back({i, added.error()});
            } else {
                result.added.push_back(device.identity);
            }
            continue;
        }
        if (!device.name.empty() && device.name != old->device) {
            result.errors.push_back({i,
                                     {fmt::format("identity \"{}\" belongs to device \"{}\", not \"{}\"",
                                                  device.identity, old->device, device.name),
                                      "correct the name, or revoke that device first"}});
            continue;
        }
        const auto change = update(*old, device, now);
        if (change == Change::kKey) result.revoked.push_back(old->id);
        (change == Change::kNone ? result.unchanged : result.changed).push_back(device.identity);
    }
    return result;
}

Expected<std::vector<CredentialId>> DeviceTable::revoke(std::string_view identity_or_name, WallTime now) {
    const auto device = find(identity_or_name);
    if (!device) {
        return failure(fmt::format("there is no device {}", printable(identity_or_name)),
                       "see the list of devices for identities and names");
    }
    if (device->revoked) {
        return failure(
            fmt::format("device \"{}\" was revoked at {}", device->name, to_rfc3339(*device->revoked)));
    }
    std::vector<CredentialId> revoked;
    for (const auto& credential : device->credentials) {
        if (credential.revoked) continue;
        revoke_credential_.run(credential.id, now);
        revoked.push_back(credential.id);
    }
    Statement(database_, "UPDATE device SET revoked = ?2 WHERE name = ?1").run(device->name, now);
    return revoked;
}

std::vector<Device> DeviceTable::list() {
    std::vector<Device> devices;
    Statement select(
        database_,
        "SELECT device.name, fleet, device.added, device.revoked, credential.id, identity,"
        " credential.added, not_before, not_after, credential.revoked FROM device"
        " LEFT JOIN credential ON credential.device = device.name ORDER BY device.name, credential.id");
    Query query(select);
    while (query.next()) {
        if (devices.empty() || text_of(query.blob(0)) != devices.back().name) {
            devices.push_back({query.text(0), query.text(1), query.time(2), query.maybe_time(3), {}});
        }
        if (query.null(4)) continue;
        devices.back().credentials.push_back({query.number(4), query.text(5), query.time(6),
                                              query.maybe_time(7), query.maybe_time(8), query.maybe_time(9)});
    }
    return devices;
}

std::optional<Device> DeviceTable::find(std::string_view identity_or_name) {
    const auto name = name_of(identity_or_name);
    if (!name) return std::nullopt;
    Statement select_device(database_, "SELECT name, fleet, added, revoked FROM device WHERE name = ?1");
    Query query(select_device, *name);
    if (!query.next()) return std::nullopt;
    Device device{query.text(0), query.text(1), query.time(2), query.maybe_time(3), {}};
    Statement select(database_,
                     "SELECT id, identity, added, not_before, not_after, revoked FROM credential"
                     " WHERE device = ?1 ORDER BY id");
    Query credentials(select, *name);
    while (credentials.next()) {
        device.credentials.push_back({credentials.number(0), credentials.text(1), credentials.time(2),
                                      credentials.maybe_time(3), credentials.maybe_time(4),
                                      credentials.maybe_time(5)});
    }
    return device;
}

std::vector<std::string> DeviceTable::load(const std::function<void(CredentialRow&&)>& take) {
    std::vector<std::string> bad;
    Statement select(database_,
                     "SELECT id, identity, device, fleet, sealed, not_before, not_after, credential.revoked"
                     " FROM credential JOIN device ON device.name = credential.device ORDER BY id");
    Query query(select);
    while (query.next()) {
        CredentialRow row;
        row.id = query.number(0);
        row.identity = query.text(1);
        auto psk = sealer_.open(credential_binding(row.id, row.identity), query.blob(4));
        if (!psk) {
            bad.push_back(row.identity);
            continue;
        }
        row.device = query.text(2);
        row.fleet = query.text(3);
        row.psk = std::move(*psk);
        row.not_before = query.maybe_time(5);
        row.not_after = query.maybe_time(6);
        row.revoked = query.maybe_time(7);
        take(std::move(row));
    }
    return bad;
}

DeviceTable::Counts DeviceTable::counts() {
    const auto count = [&](const char* table) {
        return static_cast<std::uint64_t>(
            database_.integer(fmt::format("SELECT count(*) FROM {} WHERE revoked IS NULL", table)));
    };
    return {count("device"), count("credential")};
}

std::optional<DeviceTable::InUse> DeviceTable::in_use(std::string_view identity) {
    Query query(in_use_, identity);
    if (!query.next()) return std::nullopt;
    const auto sealed = query.blob(3);
    return InUse{query.number(0),     query.text(1),      query.text(2), Bytes(sealed.begin(), sealed.end()),
                 query.maybe_time(4), query.maybe_time(5)};
}

Expected<CredentialId> DeviceTable::insert(const NewDevice& device, WallTime now) {
    const std::string& name = device.name.empty() ? device.identity : device.name;
    bool new_device = true;
    {
        Query query(device_, name);
        if (query.next() && query.null(1)) {
            new_device = false;
            if (text_of(query.blob(0)) != device.fleet) {
                return failure(fmt::format("device \"{}\" is in fleet \"{}\", not \"{}\"", name,
                                           query.text(0), device.fleet),
                               "correct the fleet, or revoke the device first");
            }
        }
    }
    if (new_device) put_device_.run(name, device.fleet, now);
    return insert_credential(device, name, now);
}

// The id is part of what the key is sealed for, so it is known before the row is written.
CredentialId DeviceTable::insert_credential(const NewDevice& device, const std::string& name, WallTime now) {
    const CredentialId id = meta_.number("next_credential", 1);
    meta_.set_number("next_credential", id + 1);
    put_credential_.run(id, device.identity, name,
                        sealer_.seal(credential_binding(id, device.identity), device.psk.view()), now,
                        device.not_before, device.not_after);
    return id;
}

DeviceTable::Change DeviceTable::update(const InUse& old, const NewDevice& device, WallTime now) {
    Change change = Change::kNone;
    if (device.fleet != old.fleet) {
        set_fleet_.run(old.device, device.fleet);
        change = Change::kOther;
    }
    const auto psk = sealer_.open(credential_binding(old.id, device.identity), old.sealed);
    if (!psk || !equal_in_constant_time(psk->view(), device.psk.view())) {
        revoke_credential_.run(old.id, now);
        insert_credential(device, old.device, now);
        return Change::kKey;
    }
    if (device.not_before != old.not_before || device.not_after != old.not_after) {
        set_validity_.run(old.id, device.not_before, device.not_after);
        change = Change::kOther;
    }
    return change;
}

std::optional<std::string> DeviceTable::name_of(std::string_view identity_or_name) {
    {
        Query query(device_of_identity_, identity_or_name);
        if (query.next()) return query.text(0);
    }
    Query query(device_, identity_or_name);
    if (query.next()) return std::string(identity_or_name);
    return std::nullopt;
}

}  // namespace narrowgate::store
